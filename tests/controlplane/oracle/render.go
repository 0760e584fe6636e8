package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/kube"
	"sigs.k8s.io/yaml"
)

// texts are files by path; those that are no UTF-8 come in Base64 beside the others.
type texts struct {
	Files   map[string]string `json:"files"`
	Files64 map[string][]byte `json:"files64"`
}

// sorted gives all files in the order of their paths.
func (t texts) sorted() []*archive.BufferedFile {
	var files []*archive.BufferedFile
	for name, text := range t.Files {
		files = append(files, &archive.BufferedFile{Name: name, Data: []byte(text)})
	}
	for name, data := range t.Files64 {
		files = append(files, &archive.BufferedFile{Name: name, Data: data})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files
}

type renderRequest struct {
	texts
	// Values is the text of a values file.
	Values string `json:"values"`
	// Set has pairs of a flag, such as "--set", and its argument.
	Set         [][2]string `json:"set"`
	Name        string      `json:"name"`
	Namespace   string      `json:"namespace"`
	Revision    int         `json:"revision"`
	IsUpgrade   bool        `json:"is_upgrade"`
	KubeVersion string      `json:"kube_version"`
	APIVersions []string    `json:"api_versions"`
	EnableDNS   bool        `json:"enable_dns"`
	// Strict makes missing keys errors, as "helm lint --strict" does.
	Strict bool `json:"strict"`
}

// render loads a chart from files and gives every rendered file by its path, as the engine leaves it. "stage" says what failed.
func render(request json.RawMessage) answer {
	r := take[renderRequest](request)
	failed := func(stage string, err error) answer {
		return answer{"stage": stage}.put("error", err.Error())
	}
	chart, err := loader.LoadFiles(r.sorted())
	if err != nil {
		return failed("load", err)
	}
	if err := chart.Validate(); err != nil {
		return failed("validate", err)
	}
	values, err := loader.LoadValues(strings.NewReader(r.Values))
	if err != nil {
		return failed("values", err)
	}
	if err := applySet(values, r.Set); err != nil {
		return failed("set", err)
	}
	if err := chartutil.ProcessDependencies(chart, values); err != nil {
		return failed("dependencies", fmt.Errorf("chart dependencies processing failed: %w", err))
	}
	capabilities := common.DefaultCapabilities.Copy()
	if r.KubeVersion != "" {
		version, err := common.ParseKubeVersion(r.KubeVersion)
		if err != nil {
			return failed("kube-version", err)
		}
		capabilities.KubeVersion = *version
	}
	capabilities.APIVersions = append(capabilities.APIVersions, r.APIVersions...)
	options := common.ReleaseOptions{
		Name: r.Name, Namespace: r.Namespace, Revision: max(r.Revision, 1), IsUpgrade: r.IsUpgrade, IsInstall: !r.IsUpgrade,
	}
	top, err := util.ToRenderValues(chart, values, options, capabilities)
	if err != nil {
		return failed("coalesce", err)
	}
	rendered, err := engine.Engine{EnableDNS: r.EnableDNS, Strict: r.Strict}.Render(chart, top)
	if err != nil {
		return failed("render", err)
	}
	if err := unreadable(rendered); err != nil {
		return failed("render", err)
	}
	plain, coded := map[string]string{}, map[string][]byte{}
	for name, text := range rendered {
		if utf8.ValidString(text) {
			plain[name] = text
		} else {
			coded[name] = []byte(text)
		}
	}
	return answer{"files": plain, "files64": coded}
}

// unreadable is the error that Helm would end with, when it takes the manifest apart, for a file that is no UTF-8.
func unreadable(rendered map[string]string) error {
	names := slices.Sorted(maps.Keys(rendered))
	for _, name := range names {
		if utf8.ValidString(rendered[name]) || strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		var head any
		if err := yaml.Unmarshal([]byte(rendered[name]), &head); err != nil {
			return fmt.Errorf("YAML parse error on %s: %w", name, err)
		}
	}
	return nil
}

type templateRequest struct {
	texts
	// Args are the arguments of helm; {} stands for the folder with the files.
	Args []string `json:"args"`
}

// template runs the program helm itself, with its own argument parser, on files in a folder.
func template(request json.RawMessage) answer {
	r := take[templateRequest](request)
	folder := check(os.MkdirTemp("", "oracle-"))
	defer os.RemoveAll(folder)
	for _, file := range r.sorted() {
		path := filepath.Join(folder, file.Name)
		try(os.MkdirAll(filepath.Dir(path), 0o700))
		try(os.WriteFile(path, file.Data, 0o600))
	}
	args := make([]string, len(r.Args))
	for i, arg := range r.Args {
		args[i] = strings.ReplaceAll(arg, "{}", folder)
	}
	// Helm writes to the process's own streams in places.
	stdout, stderr := check(os.CreateTemp("", "oracle-")), check(os.CreateTemp("", "oracle-"))
	keptOut, keptErr, keptInitializers := os.Stdout, os.Stderr, initializers
	os.Stdout, os.Stderr = stdout, stderr
	code := 0
	defer func() {
		os.Stdout, os.Stderr, initializers = keptOut, keptErr, keptInitializers
		for _, file := range []*os.File{stdout, stderr} {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	kube.ManagedFieldsManager = "helm"
	if command, err := helm.NewRootCmd(stdout, args, helm.SetupLogging); err != nil {
		code = 1
	} else {
		command.SetArgs(args)
		command.SetErr(stderr)
		if command.Execute() != nil {
			code = 1
		}
	}
	clean := func(file *os.File) string {
		return strings.ReplaceAll(string(check(os.ReadFile(file.Name()))), folder, "{}")
	}
	return answer{"code": code}.put("stdout", clean(stdout)).put("stderr", clean(stderr))
}

func check[T any](value T, err error) T {
	try(err)
	return value
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}
