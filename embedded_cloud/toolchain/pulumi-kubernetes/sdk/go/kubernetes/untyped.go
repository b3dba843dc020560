// Package kubernetes holds the little that the provider needs of its own Go SDK.
//
// The provider compiles all of the SDK, half of its build, to call one function of it. Here are that function and the types around
// it; the provider itself is built as it is published.
package kubernetes

import "reflect"

// UntypedArgs are the inputs of an object of any kind.
type UntypedArgs map[string]any

// ElementType is what the SDK's runtime asks an input for.
func (UntypedArgs) ElementType() reflect.Type {
	return reflect.TypeFor[map[string]any]()
}
