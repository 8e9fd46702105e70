// Terraform's core, to be built for a measurement. It is under the Business Source License 1.1: nothing of it is in this
// repository, and the program is made on the machine that measures, for the measurement alone.
module secret-rotation/bench/terraform/core

go 1.26.0

require (
	github.com/hashicorp/terraform v1.13.3
	github.com/hashicorp/terraform/internal/backend/remote-state v0.0.0
)

// Its backends for clouds are modules that no proxy has (Terraform's own go.mod finds them beside it). So they are left
// out, and what asks for them finds packages of ours that have none; the bench keeps its state in a local file.
replace github.com/hashicorp/terraform/internal/backend/remote-state => ./remote-state

exclude (
	github.com/hashicorp/terraform/internal/backend/remote-state/azure v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/consul v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/cos v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/gcs v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/kubernetes v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/oci v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/oss v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/pg v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/backend/remote-state/s3 v0.0.0-00010101000000-000000000000
	github.com/hashicorp/terraform/internal/legacy v0.0.0-00010101000000-000000000000
)
