{{- define "rhumb.name" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $chart .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $chart | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Cluster-wide objects carry the namespace, so that several installations get along. */ -}}
{{- define "rhumb.clusterName" -}}
{{- printf "%s-%s" (include "rhumb.name" .) .Release.Namespace | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "rhumb.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "rhumb.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "rhumb.runtimeNamespace" -}}
{{- .Values.runtimeNamespace | default .Release.Namespace -}}
{{- end -}}

{{- /* Who acts for a HelmRelease that names nobody: without rights of its own the operator has to act as somebody. */ -}}
{{- define "rhumb.defaultServiceAccount" -}}
{{- .Values.defaultServiceAccount | default (ternary "default" "" (eq .Values.rbac.mode "impersonation")) -}}
{{- end -}}

{{- define "rhumb.watchAllNamespaces" -}}
{{- and .Values.watchAllNamespaces (ne .Values.rbac.mode "namespaced") -}}
{{- end -}}

{{- define "rhumb.selectorLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rhumb.labels" -}}
{{ include "rhumb.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: helm-controller
app.kubernetes.io/part-of: {{ .Values.partOf }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The metadata of an object: root, name, and if need be namespace, labels, annotations, isClusterWide. */ -}}
{{- define "rhumb.metadata" -}}
name: {{ .name }}
{{- if not .isClusterWide }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "rhumb.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The operator as the subject of a binding. */ -}}
{{- define "rhumb.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "rhumb.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "rhumb.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "rhumb.endpoint" -}}
- port: http-prom
  path: /metrics
  interval: {{ .interval }}
{{- end -}}
