package main

import (
	"encoding/json"
	"sort"
	"strings"

	kustomize "sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
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

// postRender passes a manifest through kustomize, once for each renderer, then through the transformers that common metadata stand for,
// and gives every object as a text of its own, sorted.
func postRender(request json.RawMessage) answer {
	r := take[postRenderRequest](request)
	manifest := []byte(strings.Join(r.Documents, "\n---\n"))
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
	texts := []string{}
	for _, object := range objects.Resources() {
		text, err := object.AsYAML()
		if err != nil {
			return unrendered(err)
		}
		texts = append(texts, string(text))
	}
	sort.Strings(texts)
	return answer{"objects": texts}
}

// unrendered marks the fact, for the text is kustomize's own.
func unrendered(err error) answer {
	reply := failure(err)
	reply["fails"] = true
	return reply
}

func everywhere(path string) []types.FieldSpec {
	return []types.FieldSpec{{Path: path, CreateIfNotPresent: true}}
}
