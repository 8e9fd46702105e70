// Package pg stands where Terraform's backend of that name is, which its Go module leaves out.
package pg

import "github.com/hashicorp/terraform/internal/backend"

// New is called only when a configuration names the backend.
func New() backend.Backend { panic("the backend pg is not part of this build") }
