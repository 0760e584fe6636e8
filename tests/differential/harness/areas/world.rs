//! The chart that drawn templates live in, and the expressions that give values of every type.

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

const VALUES: &str = r#"
s: text
empty: ""
multi: "line one\nline two\n"
uni: "héllo 日本 😀"
spaced: "  a b  "
num: 3
neg: -7
float: 1.5
big: 12345678
huge: 1e21
tiny: 0.000001
yes: true
no: false
nothing: null
list: [a, b, c]
nums: [3, 1, 2]
floats: [1.5, 2.25]
mixed: [1, two, null, true, [x], {k: v}]
none: []
map: {a: 1, b: {c: d, n: null, l: [1, 2]}, e: "", f: false, "k.x": y}
void: {}
maps: [{name: x, n: 1}, {name: y, n: 2}]
tpl: "{{ .Values.s }}-{{ .Release.Name }}"
yaml: "a: 1\nb: [x, y]\nc:\n  d: null\n"
json: '{"a":1,"b":[true,null,"x"]}'
version: 1.2.3
url: "https://u:p@host.example:8080/a/b?q=1&r=a%20b#frag"
"#;

const HELPERS: &str = r#"{{- define "full" -}}
{{ .Release.Name }}-{{ .Chart.Name }}
{{- end -}}
{{- define "echo" }}{{ . }}{{ end -}}
{{- define "map" }}{{ dict "a" 1 "b" (list 1 2) | toYaml }}{{ end -}}
{{- define "fails" }}{{ fail "broken" }}{{ end -}}
{{- define "empty" }}{{ end -}}
{{- define "deep" }}{{ include "echo" .Values.s }}{{ end -}}
"#;

/// A request to render one template in a chart that has everything.
pub(super) fn render(template: &str) -> Json {
    json!({
        "op": "render",
        "name": "rel",
        "namespace": "demo",
        "files": {
            "Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\nkeywords: [a]\nmaintainers: [{name: m}]\n",
            "values.yaml": VALUES,
            "templates/_h.tpl": HELPERS,
            "templates/t.yaml": template,
            "files/a.txt": "one\ntwo\n",
            "files/b.json": "{\"x\": 1}",
        },
        "set": [["--set", "int=42,ints={1,2,3},deep.int=-5"]],
    })
}

/// An expression of whatever type, but for numbers so large that counting to them takes years.
pub(super) fn anything(random: &mut Random) -> String {
    let pool = match random.below(19) {
        0..=3 => "ints",
        4..=5 => "floats",
        6..=9 => "texts",
        10 => "numeric texts",
        11 => "bools",
        12 => "nils",
        13..=15 => "lists",
        16..=17 => "maps",
        _ => "objects",
    };
    random.of(pool).to_owned()
}

/// An expression of whatever type, large numbers included.
pub(super) fn anything_large(random: &mut Random) -> String {
    if random.percent(5) { random.of("large").to_owned() } else { anything(random) }
}
