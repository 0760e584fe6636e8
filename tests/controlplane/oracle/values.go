package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
	pretty "sigs.k8s.io/yaml/goyaml.v3"
)

type text struct {
	Text   string `json:"text"`
	Text64 []byte `json:"text64"`
	Strict bool   `json:"strict"`
}

func (t text) bytes() []byte {
	if t.Text64 != nil {
		return t.Text64
	}
	return []byte(t.Text)
}

// yamlRead gives the JSON text of a YAML document.
func yamlRead(request json.RawMessage) answer {
	r := take[text](request)
	convert := yaml.YAMLToJSON
	if r.Strict {
		convert = yaml.YAMLToJSONStrict
	}
	result, err := convert(r.bytes())
	if err != nil {
		// As Unmarshal says it, which is what all of Helm calls.
		return failure(fmt.Errorf("error converting YAML to JSON: %w", err))
	}
	return answer{}.put("json", string(result))
}

// yamlValues reads a values file: all its documents, merged.
func yamlValues(request json.RawMessage) answer {
	values, err := loader.LoadValues(bytes.NewReader(take[text](request).bytes()))
	if err != nil {
		return failure(err)
	}
	return answer{}.put("json", typedJSON(values))
}

// data is a request with a value in typed JSON.
type data struct {
	Value json.RawMessage `json:"value"`
}

// yamlWrite writes a value as toYaml does, but for the end of the last line.
func yamlWrite(request json.RawMessage) answer {
	result, err := yaml.Marshal(fromTypedJSON(take[data](request).Value))
	if err != nil {
		return failure(err)
	}
	return answer{}.put("text", string(result))
}

// yamlPretty writes a value as toYamlPretty does, but for the end of the last line.
func yamlPretty(request json.RawMessage) answer {
	var out bytes.Buffer
	encoder := pretty.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(fromTypedJSON(take[data](request).Value)); err != nil {
		return failure(err)
	}
	return answer{}.put("text", out.String())
}

type versionRequest struct {
	Version    string `json:"version"`
	Constraint string `json:"constraint"`
}

// checkVersion reads a version strictly and loosely, and checks it against a constraint.
func checkVersion(request json.RawMessage) answer {
	r := take[versionRequest](request)
	reply := answer{}
	if strict, err := semver.StrictNewVersion(r.Version); err != nil {
		reply.put("strict_error", err.Error())
	} else {
		reply.put("strict", strict.String())
	}
	version, err := semver.NewVersion(r.Version)
	if err != nil {
		return reply.put("version_error", err.Error())
	}
	reply.put("version", version.String()).put("original", version.Original())
	constraint, err := semver.NewConstraint(r.Constraint)
	if err != nil {
		return reply.put("constraint_error", err.Error())
	}
	ok, reasons := constraint.Validate(version)
	lines := make([]string, len(reasons))
	for i, reason := range reasons {
		lines[i] = reason.Error()
	}
	reply["check"], reply["valid"], reply["reasons"] = constraint.Check(version), ok, lines
	return reply.put("constraint", constraint.String())
}

type setRequest struct {
	Base  json.RawMessage `json:"base"`
	Steps [][2]string     `json:"steps"`
}

// set changes values as the flags of helm do, one after the other, and gives what is there even after an error.
func set(request json.RawMessage) answer {
	r := take[setRequest](request)
	values, _ := fromTypedJSON(r.Base).(map[string]any)
	if values == nil {
		values = map[string]any{}
	}
	reply := answer{}
	if err := applySet(values, r.Steps); err != nil {
		reply.put("error", err.Error())
	}
	return reply.put("json", typedJSON(values))
}

func applySet(values map[string]any, steps [][2]string) error {
	for _, step := range steps {
		var err error
		switch argument := step[1]; step[0] {
		case "--set":
			err = strvals.ParseInto(argument, values)
		case "--set-string":
			err = strvals.ParseIntoString(argument, values)
		case "--set-json":
			// Helm's own message does not have this error's text.
			if strvals.ParseJSON(argument, values) != nil {
				err = errors.New("JSON")
			}
		case "--set-literal":
			err = strvals.ParseLiteralInto(argument, values)
		case "--set-file":
			// The content stands for the file that would be read.
			err = strvals.ParseIntoFile(argument, values, func(path []rune) (any, error) { return "<" + string(path) + ">", nil })
		default:
			err = fmt.Errorf("no such flag: %s", step[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type schemaRequest struct {
	Schema string          `json:"schema"`
	Values json.RawMessage `json:"values"`
}

// checkSchema checks values against a JSON schema.
func checkSchema(request json.RawMessage) answer {
	r := take[schemaRequest](request)
	values, _ := fromTypedJSON(r.Values).(map[string]any)
	if err := util.ValidateAgainstSingleSchema(values, []byte(r.Schema)); err != nil {
		return failure(err)
	}
	return answer{}
}

// typedJSON writes a value as JSON in which a float64 has a point or an exponent and every other number has neither.
func typedJSON(value any) string {
	var out strings.Builder
	writeTyped(&out, value)
	return out.String()
}

func writeTyped(out *strings.Builder, value any) {
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		out.WriteByte('{')
		for i, key := range keys {
			if i > 0 {
				out.WriteByte(',')
			}
			writeTyped(out, key)
			out.WriteByte(':')
			writeTyped(out, value[key])
		}
		out.WriteByte('}')
	case []any:
		out.WriteByte('[')
		for i, element := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			writeTyped(out, element)
		}
		out.WriteByte(']')
	case float64:
		if math.IsInf(value, 0) || math.IsNaN(value) {
			fmt.Fprintf(out, "%q", fmt.Sprint(value))
			return
		}
		digits := strconv.FormatFloat(value, 'g', -1, 64)
		out.WriteString(digits)
		if !strings.ContainsAny(digits, ".e") {
			out.WriteString(".0")
		}
	case string, bool, nil, int, int64, uint64:
		out.Write(check(json.Marshal(value)))
	default:
		fmt.Fprintf(out, "%q", fmt.Sprintf("%T(%v)", value, value))
	}
}

// fromTypedJSON is the way back: numbers with a point or an exponent become float64, others int64.
func fromTypedJSON(source json.RawMessage) any {
	if source == nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	var value any
	try(decoder.Decode(&value))
	return typed(value)
}

func typed(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, element := range value {
			value[key] = typed(element)
		}
	case []any:
		for i, element := range value {
			value[i] = typed(element)
		}
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		number, _ := value.Float64()
		return number
	}
	return value
}
