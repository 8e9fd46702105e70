package main

import (
	"context"
	"crypto/rand"
	"math/big"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/crypto/bcrypt"
)

const (
	digits      = "0123456789"
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	punctuation = "!@#$%&*()-_=+[]{}<>:?"
)

// password is random_password: made once, never read back, and replaced by any change. The minima of the official one
// are left out; the bench sets none.
type password struct{}

type passwordModel struct {
	ID              types.String `tfsdk:"id"`
	Keepers         types.Map    `tfsdk:"keepers"`
	Length          types.Int64  `tfsdk:"length"`
	Special         types.Bool   `tfsdk:"special"`
	Upper           types.Bool   `tfsdk:"upper"`
	Lower           types.Bool   `tfsdk:"lower"`
	Numeric         types.Bool   `tfsdk:"numeric"`
	OverrideSpecial types.String `tfsdk:"override_special"`
	Result          types.String `tfsdk:"result"`
	BcryptHash      types.String `tfsdk:"bcrypt_hash"`
}

func newPassword() resource.Resource { return &password{} }

func (*password) Metadata(_ context.Context, _ resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = "random_password"
}

func (*password) Schema(_ context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	class := schema.BoolAttribute{
		Optional:      true,
		Computed:      true,
		Default:       booldefault.StaticBool(true),
		PlanModifiers: []planmodifier.Bool{boolplanmodifier.RequiresReplace()},
	}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	response.Schema = schema.Schema{Version: 3, Attributes: map[string]schema.Attribute{
		"id": schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"keepers": schema.MapAttribute{
			Optional:      true,
			ElementType:   types.StringType,
			PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplace()},
		},
		"length": schema.Int64Attribute{
			Required:      true,
			PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
		},
		"special": class,
		"upper":   class,
		"lower":   class,
		"numeric": class,
		"override_special": schema.StringAttribute{
			Optional:      true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"result":      schema.StringAttribute{Computed: true, Sensitive: true, PlanModifiers: kept},
		"bcrypt_hash": schema.StringAttribute{Computed: true, Sensitive: true, PlanModifiers: kept},
	}}
}

func (*password) Create(ctx context.Context, request resource.CreateRequest, response *resource.CreateResponse) {
	var plan passwordModel
	response.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	if response.Diagnostics.HasError() {
		return
	}
	result, err := generate(int(plan.Length.ValueInt64()), alphabet(plan))
	if err != nil {
		response.Diagnostics.AddError("No password was made", err.Error())
		return
	}
	// The official provider makes this hash too, with the same cost of 10. It refuses more than 72 bytes.
	hash, err := bcrypt.GenerateFromPassword([]byte(result), bcrypt.DefaultCost)
	if err != nil {
		response.Diagnostics.AddError("No hash was made", err.Error())
		return
	}
	plan.ID = types.StringValue("none")
	plan.Result = types.StringValue(result)
	plan.BcryptHash = types.StringValue(string(hash))
	response.Diagnostics.Append(response.State.Set(ctx, plan)...)
}

func (*password) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (*password) Update(ctx context.Context, request resource.UpdateRequest, response *resource.UpdateResponse) {
	var plan passwordModel
	response.Diagnostics.Append(request.Plan.Get(ctx, &plan)...)
	response.Diagnostics.Append(response.State.Set(ctx, plan)...)
}

func (*password) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// alphabet is every character that the password may hold.
func alphabet(plan passwordModel) string {
	special := punctuation
	if given := plan.OverrideSpecial.ValueString(); given != "" {
		special = given
	}
	all := ""
	for _, class := range []struct {
		use types.Bool
		set string
	}{{plan.Upper, uppercase}, {plan.Lower, lowercase}, {plan.Numeric, digits}, {plan.Special, special}} {
		if class.use.ValueBool() {
			all += class.set
		}
	}
	return all
}

// generate picks each character by the operating system's random numbers, without bias.
func generate(length int, set string) (string, error) {
	size := big.NewInt(int64(len(set)))
	result := make([]byte, length)
	for at := range result {
		index, err := rand.Int(rand.Reader, size)
		if err != nil {
			return "", err
		}
		result[at] = set[index.Int64()]
	}
	return string(result), nil
}
