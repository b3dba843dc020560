// Package v4 contains the types of charts' nested inputs.
package v4

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// PostRenderer is a command that changes the manifests of a chart.
type PostRenderer struct {
	Args    []string `pulumi:"args"`
	Command string   `pulumi:"command"`
}

// PostRendererInput is an input of the type PostRenderer.
type PostRendererInput interface{ pulumi.Input }

// RepositoryOpts contains a chart's repository and the credentials for the repository.
type RepositoryOpts struct {
	CaFile   pulumi.AssetOrArchive `pulumi:"caFile"`
	CertFile pulumi.AssetOrArchive `pulumi:"certFile"`
	KeyFile  pulumi.AssetOrArchive `pulumi:"keyFile"`
	Password *string               `pulumi:"password"`
	Repo     *string               `pulumi:"repo"`
	Username *string               `pulumi:"username"`
}

// RepositoryOptsInput is an input of the type RepositoryOpts.
type RepositoryOptsInput interface{ pulumi.Input }
