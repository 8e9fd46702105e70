package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// vault is the provider of vault_kv_secret_v2. Address and token come from VAULT_ADDR and VAULT_TOKEN.
type vault struct{}

func newVault() provider.Provider { return &vault{} }

func (*vault) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "vault"
}

func (*vault) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (*vault) Configure(_ context.Context, _ provider.ConfigureRequest, response *provider.ConfigureResponse) {
	response.ResourceData = &client{
		address: strings.TrimRight(os.Getenv("VAULT_ADDR"), "/"),
		given:   os.Getenv("VAULT_TOKEN"),
		http:    &http.Client{Timeout: time.Minute},
	}
}

func (*vault) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newSecret}
}

func (*vault) DataSources(context.Context) []func() datasource.DataSource { return nil }

// client is Vault's HTTP API as the official provider uses it: before the first request it looks the given token up and
// makes a child of it, which then does the work for 20 minutes. It tries nothing again; the bench's Vault is local.
type client struct {
	address string
	given   string
	http    *http.Client

	login sync.Once
	token string
	err   error
}

// errNotFound is an answer of 404.
var errNotFound = errors.New("not found")

// call sends a request below /v1/ with the child token. It returns the `data` of the answer, which is nil without one.
func (c *client) call(ctx context.Context, method, path string, body any) (map[string]any, error) {
	c.login.Do(func() { c.token, c.err = c.child(ctx) })
	if c.err != nil {
		return nil, c.err
	}
	answer, err := c.send(ctx, c.token, method, path, body)
	return answer.Data, err
}

func (c *client) child(ctx context.Context) (string, error) {
	if c.address == "" || c.given == "" {
		return "", errors.New("set VAULT_ADDR and VAULT_TOKEN")
	}
	if _, err := c.send(ctx, c.given, http.MethodGet, "auth/token/lookup-self", nil); err != nil {
		return "", fmt.Errorf("failed to lookup token: %w", err)
	}
	answer, err := c.send(ctx, c.given, http.MethodPost, "auth/token/create", map[string]any{
		"display_name":     "terraform",
		"ttl":              "1200s",
		"explicit_max_ttl": "1200s",
		"renewable":        false,
	})
	if err != nil {
		return "", fmt.Errorf("failed to create limited child token: %w", err)
	}
	return answer.Auth.ClientToken, nil
}

type answer struct {
	Data map[string]any `json:"data"`
	Auth struct {
		ClientToken string `json:"client_token"`
	} `json:"auth"`
	Errors []string `json:"errors"`
}

func (c *client) send(ctx context.Context, token, method, path string, body any) (answer, error) {
	var found answer
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return found, err
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.address+"/v1/"+path, sent)
	if err != nil {
		return found, err
	}
	request.Header.Set("X-Vault-Token", token)
	request.Header.Set("X-Vault-Request", "true")
	response, err := c.http.Do(request)
	if err != nil {
		return found, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return found, err
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &found); err != nil {
			return found, fmt.Errorf("%s %s: the answer is no JSON (%d bytes)", method, path, len(text))
		}
	}
	switch {
	case response.StatusCode == http.StatusNotFound:
		return found, errNotFound
	case response.StatusCode >= 400:
		return found, fmt.Errorf("%s %s: %d, %s", method, path, response.StatusCode, strings.Join(found.Errors, "; "))
	}
	return found, nil
}
