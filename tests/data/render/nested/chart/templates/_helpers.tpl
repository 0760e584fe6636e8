{{ define "inner" }}inner({{ .Values.name }}){{ end }}
{{ define "none" }}{{ .Values.nothing }}{{ end }}
