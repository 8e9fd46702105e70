// Command provider stands in for the official Terraform providers random and vault where those cannot be had: the two
// resources that the bench uses, with the official inputs, outputs, replacements and requests. It is the one or the
// other by the name that it is started under, so that each is a process of its own, as the official ones are.
//
// Facts are from terraform-provider-random (internal/provider/resource_password.go) and terraform-provider-vault
// (vault/resource_kv_secret_v2.go, internal/provider/meta.go). What it lacks makes it start faster than they do: the
// official vault provider brings some 200 resources, whose schemas Terraform asks for at each start.
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func main() {
	started := filepath.Base(os.Args[0])
	var make func() provider.Provider
	var name string
	switch {
	case strings.HasPrefix(started, "terraform-provider-random"):
		name, make = "random", newRandom
	case strings.HasPrefix(started, "terraform-provider-vault"):
		name, make = "vault", newVault
	default:
		log.Fatalf("started as %q; it has to be named terraform-provider-random or terraform-provider-vault", started)
	}
	// Protocol 5, as both official providers speak.
	options := providerserver.ServeOpts{Address: "registry.terraform.io/hashicorp/" + name, ProtocolVersion: 5}
	if err := providerserver.Serve(context.Background(), make, options); err != nil {
		log.Fatal(err)
	}
}

// random is the provider of random_password; it has no settings.
type random struct{}

func newRandom() provider.Provider { return &random{} }

func (*random) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "random"
}

func (*random) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (*random) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (*random) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newPassword}
}

func (*random) DataSources(context.Context) []func() datasource.DataSource { return nil }
