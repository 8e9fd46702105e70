// Command vault serves a single-node Vault from Vault's own core, for machines that cannot download the official
// binary. It is the real thing where it matters (barrier, policies, tokens, KV, transit, PostgreSQL, approle, jwt, file audit) and
// leaves out what the sandbox does not use: TLS, clustering, the UI, the CLI and every other engine.
//
// It starts uninitialised; `PUT /v1/sys/init` and `PUT /v1/sys/unseal` bring it up, as with the official server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/plugins/database/postgresql"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

// What is built in: the factories that make a mount, by the type that `sys/mounts` and `sys/auth` are given.
// KV version 1 and 2 are the same engine; `options.version` chooses.
var (
	secretEngines = map[string]logical.Factory{"database": database.Factory, "kv": kv.Factory, "transit": transit.Factory}
	authMethods   = map[string]logical.Factory{"approle": approle.Factory, "jwt": jwtauth.Factory}
	auditDevices  = map[string]audit.Factory{"file": audit.NewFileBackend}
	databases     = map[string]func() (interface{}, error){"postgresql-database-plugin": postgresql.New}
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "loopback `address` to serve plain http on; port 0 picks a free one")
	data := flag.String("data", "", "`folder` of the storage; made when missing")
	level := flag.String("log-level", "info", "trace, debug, info, warn or error")
	printVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *printVersion {
		fmt.Println(version.GetVersion().FullVersionNumber(false))
		return
	}
	if err := serve(*listen, *data, *level); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

// serve runs the server until SIGTERM or SIGINT, then seals and returns.
func serve(address, data, level string) error {
	if data == "" {
		return errors.New("no storage folder; name one with -data DIR")
	}
	if err := requireLoopback(address); err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	// The listener comes first: a port that is taken should fail before the storage is touched.
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()

	logger := log.New(&log.LoggerOptions{Name: "vault", Output: os.Stderr, Level: log.LevelFromString(level)})
	core, err := newCore(data, level, logger)
	if err != nil {
		return err
	}
	server := &http.Server{
		// The handler reads its limits from the listener's settings and falls over without any.
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: &configutil.Listener{Type: "tcp", Address: listener.Addr().String(), TLSDisable: true},
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          logger.StandardLogger(nil),
	}

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Printf("vault %s listening on http://%s\n", version.GetVersion().VersionNumber(), listener.Addr())

	select {
	case err = <-failed:
	case <-stop.Done():
		drain, done := context.WithTimeout(context.Background(), 3*time.Second)
		defer done()
		if server.Shutdown(drain) != nil {
			server.Close()
		}
	}
	// Seals first, so that nothing is left half-written in the storage folder.
	return errors.Join(err, core.ShutdownWait())
}

// newCore makes a sealed core over a folder of files, with what is built in and nothing else.
func newCore(data, level string, logger log.Logger) (*vault.Core, error) {
	storage, err := file.NewFileBackend(map[string]string{"path": data}, logger.Named("storage"))
	if err != nil {
		return nil, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "file",
		BuiltinRegistry:    registry{},
		LogicalBackends:    secretEngines,
		CredentialBackends: authMethods,
		AuditBackends:      auditDevices,
		// Locked memory needs a capability that containers rarely have, and the sandbox guards nothing of worth.
		DisableMlock: true,
		Logger:       logger,
		LogLevel:     level,
		ClusterName:  "sandbox",
	})
	if err != nil && !vault.IsFatalError(err) && core != nil {
		logger.Warn("starting with a problem that is not fatal", "error", err)
		err = nil
	}
	return core, err
}

// requireLoopback refuses any address that another machine could reach: there is no TLS here.
func requireLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("-listen %q is not HOST:PORT; try 127.0.0.1:8200", address)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("-listen %q is not a loopback address; plain http is served on 127.0.0.1 or [::1] only", address)
	}
	return nil
}
