package main

import (
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// registry tells the plugin catalog which engines are part of this binary. The catalog refuses to mount a type that
// it does not find here, and it asks here again at every unseal for what the mount table names.
type registry struct{}

func factories(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeSecrets:
		return secretEngines
	case consts.PluginTypeCredential:
		return authMethods
	default:
		return nil
	}
}

func (registry) Contains(name string, kind consts.PluginType) bool {
	_, found := factories(kind)[name]
	return found
}

// Get hands the factory out behind one more function, as the catalog expects of builtin plugins.
func (registry) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := factories(kind)[name]
	if !found {
		return nil, false
	}
	return func() (interface{}, error) { return factory, nil }, true
}

func (registry) Keys(kind consts.PluginType) []string {
	return slices.Sorted(maps.Keys(factories(kind)))
}

func (registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if _, found := factories(kind)[name]; found {
		return consts.Supported, true
	}
	return consts.Unknown, false
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
