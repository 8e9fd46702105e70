// Package s3 stands where Terraform's backend of that name is, which its Go module leaves out.
package s3

import "github.com/hashicorp/terraform/internal/backend"

// New is called only when a configuration names the backend.
func New() backend.Backend { panic("the backend s3 is not part of this build") }
