package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"sort"
	texttemplate "text/template"
	_ "unsafe" // for the links below

	"helm.sh/helm/v4/pkg/chart/common"
	_ "helm.sh/helm/v4/pkg/engine"
)

// The functions that Helm gives to every template; nothing public lists them.
//
//go:linkname functionMap helm.sh/helm/v4/pkg/engine.funcMap
func functionMap() texttemplate.FuncMap

// What cobra runs before each command. It grows with every command that is made, and nothing public takes any out.
//
//go:linkname initializers github.com/spf13/cobra.initializers
var initializers []func()

// builtins are the functions that text/template itself knows.
var builtins = []string{
	"and", "break", "call", "continue", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
	"println", "slice", "urlquery",
}

// functionNames lists what a template of a chart can call, sorted; a builtin of Go counts if a template with it parses. The
// signatures are Go's text of the functions' types, without the builtins.
func functionNames(json.RawMessage) answer {
	functions := functionMap()
	var names []string
	for name := range functions {
		names = append(names, name)
	}
	for _, name := range builtins {
		_, err := texttemplate.New("").Parse("{{ (" + name + " 1) }}")
		if err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	signatures := map[string]string{}
	for name, function := range functions {
		signatures[name] = reflect.TypeOf(function).String()
	}
	return answer{"names": names, "signatures": signatures}
}

// capabilities gives what templates are told when nothing else is asked for.
func capabilities(json.RawMessage) answer {
	known := common.DefaultCapabilities
	return answer{
		"kube_version": known.KubeVersion, "api_versions": known.APIVersions, "helm_version": known.HelmVersion,
	}
}
