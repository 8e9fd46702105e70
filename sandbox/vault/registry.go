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

// makers has, by name, what makes each plugin of a kind: a factory of mounts, or a database itself.
func makers(kind consts.PluginType) map[string]func() (interface{}, error) {
	if kind == consts.PluginTypeDatabase {
		return databases
	}
	factories := map[consts.PluginType]map[string]logical.Factory{
		consts.PluginTypeSecrets:    secretEngines,
		consts.PluginTypeCredential: authMethods,
	}[kind]
	// The catalog expects the factory of a mount behind one more function.
	made := map[string]func() (interface{}, error){}
	for name, factory := range factories {
		made[name] = func() (interface{}, error) { return factory, nil }
	}
	return made
}

func (registry) Contains(name string, kind consts.PluginType) bool {
	_, found := makers(kind)[name]
	return found
}

func (registry) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	make, found := makers(kind)[name]
	return make, found
}

func (registry) Keys(kind consts.PluginType) []string {
	return slices.Sorted(maps.Keys(makers(kind)))
}

func (registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if _, found := makers(kind)[name]; found {
		return consts.Supported, true
	}
	return consts.Unknown, false
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
