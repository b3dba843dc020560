// Package kubernetes is the part of the provider's Go SDK that the provider needs.
//
// The published provider compiles the whole SDK, which takes half of the build, and calls only one function of the SDK. This module
// replaces the SDK: it contains only that function and the necessary types. The provider's own code is unchanged.
package kubernetes

import "reflect"

// UntypedArgs are the inputs of an object of any kind.
type UntypedArgs map[string]any

// ElementType returns the Go type of the inputs, for the SDK's runtime.
func (UntypedArgs) ElementType() reflect.Type {
	return reflect.TypeFor[map[string]any]()
}
