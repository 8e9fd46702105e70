// Package gcs stands where Terraform's backend of that name is, which its Go module leaves out.
package gcs

import "github.com/hashicorp/terraform/internal/backend"

// New is called only when a configuration names the backend.
func New() backend.Backend { panic("the backend gcs is not part of this build") }
