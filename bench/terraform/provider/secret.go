package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// secret is vault_kv_secret_v2: a write makes a new version and is read back, a refresh reads. The official one's
// settings beside mount, name and data_json are left out; the bench sets none.
type secret struct{ client *client }

type secretModel struct {
	ID       types.String `tfsdk:"id"`
	Path     types.String `tfsdk:"path"`
	Mount    types.String `tfsdk:"mount"`
	Name     types.String `tfsdk:"name"`
	DataJSON types.String `tfsdk:"data_json"`
	Data     types.Map    `tfsdk:"data"`
	Metadata types.Map    `tfsdk:"metadata"`
}

func newSecret() resource.Resource { return &secret{} }

func (*secret) Metadata(_ context.Context, _ resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = "vault_kv_secret_v2"
}

func (s *secret) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	// Nil while Terraform only validates.
	s.client, _ = request.ProviderData.(*client)
}

func (*secret) Schema(_ context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	response.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":        schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"path":      schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"mount":     schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"name":      schema.StringAttribute{Required: true, PlanModifiers: fixed},
		"data_json": schema.StringAttribute{Required: true, Sensitive: true},
		"data":      schema.MapAttribute{Computed: true, Sensitive: true, ElementType: types.StringType},
		"metadata":  schema.MapAttribute{Computed: true, ElementType: types.StringType},
	}}
}

func (s *secret) Create(ctx context.Context, request resource.CreateRequest, response *resource.CreateResponse) {
	s.apply(ctx, request.Plan, &response.State, &response.Diagnostics)
}

func (s *secret) Update(ctx context.Context, request resource.UpdateRequest, response *resource.UpdateResponse) {
	s.apply(ctx, request.Plan, &response.State, &response.Diagnostics)
}

// apply writes what is planned, whether it is there already or not.
func (s *secret) apply(ctx context.Context, planned tfsdk.Plan, state *tfsdk.State, diagnostics *diag.Diagnostics) {
	var plan secretModel
	diagnostics.Append(planned.Get(ctx, &plan)...)
	diagnostics.Append(s.write(ctx, &plan)...)
	if !diagnostics.HasError() {
		diagnostics.Append(state.Set(ctx, plan)...)
	}
}

func (s *secret) Read(ctx context.Context, request resource.ReadRequest, response *resource.ReadResponse) {
	var state secretModel
	response.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if response.Diagnostics.HasError() {
		return
	}
	there, diagnostics := s.read(ctx, &state)
	response.Diagnostics.Append(diagnostics...)
	if diagnostics.HasError() {
		return
	}
	if !there {
		response.State.RemoveResource(ctx)
		return
	}
	response.Diagnostics.Append(response.State.Set(ctx, state)...)
}

func (s *secret) Delete(ctx context.Context, request resource.DeleteRequest, response *resource.DeleteResponse) {
	var state secretModel
	response.Diagnostics.Append(request.State.Get(ctx, &state)...)
	if response.Diagnostics.HasError() {
		return
	}
	if _, err := s.client.call(ctx, http.MethodDelete, state.at("data"), nil); err != nil && !errors.Is(err, errNotFound) {
		response.Diagnostics.AddError("The secret was not deleted", err.Error())
	}
}

func (m *secretModel) at(kind string) string {
	return fmt.Sprintf("%s/%s/%s", m.Mount.ValueString(), kind, m.Name.ValueString())
}

func (s *secret) write(ctx context.Context, model *secretModel) (diagnostics diag.Diagnostics) {
	var data map[string]any
	// The text is a secret, so what is wrong with it is not said.
	if json.Unmarshal([]byte(model.DataJSON.ValueString()), &data) != nil {
		diagnostics.AddError("data_json is no JSON object", "Its value is not shown.")
		return diagnostics
	}
	body := map[string]any{"data": data, "cas": 0, "options": map[string]any{}}
	if _, err := s.client.call(ctx, http.MethodPut, model.at("data"), body); err != nil {
		diagnostics.AddError("The secret was not written", err.Error())
		return diagnostics
	}
	there, found := s.read(ctx, model)
	diagnostics.Append(found...)
	if !there && !diagnostics.HasError() {
		diagnostics.AddError("The secret is gone right after it was written", model.at("data"))
	}
	return diagnostics
}

// read takes over what Vault has. A version has custom metadata, if only null, so the official provider asks for the
// settings of the secret as well: two requests.
func (s *secret) read(ctx context.Context, model *secretModel) (there bool, diagnostics diag.Diagnostics) {
	found, err := s.client.call(ctx, http.MethodGet, model.at("data"), nil)
	if errors.Is(err, errNotFound) {
		return false, nil
	}
	if err == nil {
		_, err = s.client.call(ctx, http.MethodGet, model.at("metadata"), nil)
	}
	if err != nil {
		diagnostics.AddError("The secret was not read", err.Error())
		return false, diagnostics
	}
	model.ID = types.StringValue(model.at("data"))
	model.Path = model.ID
	model.Data = texts(ctx, found["data"], &diagnostics)
	model.Metadata = texts(ctx, found["metadata"], &diagnostics)
	return true, diagnostics
}

// texts is a JSON object as the state keeps it: texts as they are, all else as JSON.
func texts(ctx context.Context, object any, diagnostics *diag.Diagnostics) types.Map {
	fields, _ := object.(map[string]any)
	flat := make(map[string]string, len(fields))
	for name, value := range fields {
		if text, ok := value.(string); ok {
			flat[name] = text
			continue
		}
		encoded, _ := json.Marshal(value)
		flat[name] = string(encoded)
	}
	result, found := types.MapValueFrom(ctx, types.StringType, flat)
	diagnostics.Append(found...)
	return result
}
