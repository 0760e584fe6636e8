package main

import (
	"encoding/json"
	"fmt"
	"sort"
	_ "unsafe" // for linkname

	_ "helm.sh/helm/v4/pkg/action"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	kustomize "sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

type postRenderRequest struct {
	// Documents are the texts of a manifest.
	Documents []string `json:"documents"`
	// Renderers are what a HelmRelease has under "postRenderers".
	Renderers []struct {
		Patches []types.Patch `json:"patches"`
		Images  []types.Image `json:"images"`
	} `json:"renderers"`
	// Labels and Annotations are what a HelmRelease has under "commonMetadata".
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// postRender passes a manifest through kustomize as Helm does, once for each renderer, then through the transformers that common metadata
// stand for, and gives every object as a text of its own with its path, sorted.
func postRender(request json.RawMessage) (reply answer) {
	// A panic of kustomize ends the post-renderer as an error does.
	defer func() {
		if reason := recover(); reason != nil {
			reply = unrendered(fmt.Errorf("panic: %v", reason))
		}
	}()
	r := take[postRenderRequest](request)
	templates := map[string]string{}
	for number, text := range r.Documents {
		templates[fmt.Sprintf("c/templates/%d.yaml", number)] = text
	}
	merged, err := annotateAndMerge(templates)
	if err != nil {
		return unrendered(err)
	}
	manifest := []byte(merged)
	for _, renderer := range r.Renderers {
		files := filesys.MakeFsInMemory()
		config := types.Kustomization{Resources: []string{"objects.yaml"}, Patches: renderer.Patches, Images: renderer.Images}
		config.TypeMeta = types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}
		try(files.WriteFile("objects.yaml", manifest))
		try(files.WriteFile("kustomization.yaml", check(json.Marshal(config))))
		options := &krusty.Options{LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig()}
		objects, err := krusty.MakeKustomizer(options).Run(files, ".")
		if err != nil {
			return unrendered(err)
		}
		if manifest, err = objects.AsYaml(); err != nil {
			return unrendered(err)
		}
	}
	objects, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(manifest)
	if err != nil {
		return unrendered(err)
	}
	transformers := []resmap.Transformer{
		&kustomize.LabelTransformerPlugin{Labels: r.Labels, FieldSpecs: everywhere("metadata/labels")},
		&kustomize.AnnotationsTransformerPlugin{Annotations: r.Annotations, FieldSpecs: everywhere("metadata/annotations")},
	}
	for _, transformer := range transformers {
		if err := transformer.Transform(objects); err != nil {
			return unrendered(err)
		}
	}
	if manifest, err = objects.AsYaml(); err != nil {
		return unrendered(err)
	}
	files, err := splitAndDeannotate(string(manifest), "")
	if err != nil {
		return unrendered(err)
	}
	texts := []string{}
	for path, text := range files {
		for _, document := range releaseutil.SplitManifests(text) {
			plain, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				return unrendered(err)
			}
			texts = append(texts, "# Source: "+path+"\n"+string(check(yaml.JSONToYAML(plain))))
		}
	}
	sort.Strings(texts)
	return answer{"objects": texts}
}

//go:linkname annotateAndMerge helm.sh/helm/v4/pkg/action.annotateAndMerge
func annotateAndMerge(files map[string]string) (string, error)

//go:linkname splitAndDeannotate helm.sh/helm/v4/pkg/action.splitAndDeannotate
func splitAndDeannotate(manifest, prefix string) (map[string]string, error)

// unrendered marks the fact, for the text is kustomize's own.
func unrendered(err error) answer {
	reply := failure(err)
	reply["fails"] = true
	return reply
}

func everywhere(path string) []types.FieldSpec {
	return []types.FieldSpec{{Path: path, CreateIfNotPresent: true}}
}
