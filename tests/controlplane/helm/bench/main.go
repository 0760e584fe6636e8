// Command bench measures Helm's own engine: the other side of tests/bench/engine.
//
// For each chart it prints one line of JSON: the time and the allocated bytes of a render, which is everything from coalesced values to
// sorted manifests, the parsing of templates included. Each render gets values of its own, made outside the measured time, because
// templates may change them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// figures is what is printed for a chart.
type figures struct {
	Chart   string `json:"chart"`
	Renders int    `json:"renders"`
	// Nanoseconds of a render.
	Best   int64 `json:"best"`
	Median int64 `json:"median"`
	// Allocated by a render.
	Bytes  uint64 `json:"bytes"`
	Allocs uint64 `json:"allocs"`
	// Output is the number of bytes that come out, so that both sides can be seen to do the same work.
	Output int `json:"output"`
}

func main() {
	budget := flag.Duration("time", 2*time.Second, "how long to measure each chart")
	flag.Parse()
	for _, path := range flag.Args() {
		found, err := measure(path, *budget)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(found)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func measure(path string, budget time.Duration) (figures, error) {
	found := figures{Chart: path}
	loaded, err := loader.Load(path)
	if err != nil {
		return found, err
	}
	if err := chartutil.ProcessDependencies(loaded, common.Values{}); err != nil {
		return found, err
	}
	var times []time.Duration
	var spent time.Duration
	var bytes, allocs uint64
	for spent < budget || len(times) < 5 {
		values, err := renderValues(loaded)
		if err != nil {
			return found, err
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		output, err := render(loaded, values)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err != nil {
			return found, err
		}
		found.Output = output
		times = append(times, took)
		spent += took
		bytes += after.TotalAlloc - before.TotalAlloc
		allocs += after.Mallocs - before.Mallocs
	}
	slices.Sort(times)
	count := uint64(len(times))
	found.Renders = len(times)
	found.Best, found.Median = times[0].Nanoseconds(), times[len(times)/2].Nanoseconds()
	found.Bytes, found.Allocs = bytes/count, allocs/count
	return found, nil
}

func renderValues(loaded *chart.Chart) (common.Values, error) {
	options := common.ReleaseOptions{Name: "rel", Namespace: "demo", Revision: 1, IsInstall: true}
	return util.ToRenderValues(loaded, map[string]any{}, options, nil)
}

// render does what `helm template` does between values and printing, and tells how many bytes came out.
func render(loaded *chart.Chart, values common.Values) (int, error) {
	files, err := engine.Render(loaded, values)
	if err != nil {
		return 0, err
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return 0, err
	}
	output := 0
	for _, hook := range hooks {
		output += len(hook.Manifest)
	}
	for _, manifest := range manifests {
		output += len(manifest.Content)
	}
	return output, nil
}
