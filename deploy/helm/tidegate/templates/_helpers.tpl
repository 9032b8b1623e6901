{{- define "tidegate.labels" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tidegate.selector" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* What settings.QUEUES says, and last the queue of all other runs: names with how many pods of workers each has. */}}
{{- define "tidegate.queues" -}}
{{- $found := list }}
{{- $rest := int .Values.workers }}
{{- range splitList "," (.Values.settings.QUEUES | default "") }}
{{- $part := trim . }}
{{- if $part }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?=[1-9][0-9]{0,3}$" $part) }}
{{- fail (printf "settings.QUEUES: %q is not <queue>=<pods>, as in large=2, where Kubernetes takes the queue for a name: small letters, digits and -" $part) }}
{{- end }}
{{- $queue := splitList "=" $part }}
{{- range append $found (dict "name" "dagster") }}
{{- if eq .name (first $queue) }}
{{- fail (printf "settings.QUEUES names the queue %s twice: dagster is that of all other runs" .name) }}
{{- end }}
{{- end }}
{{- $rest = sub $rest (int (last $queue)) }}
{{- $found = append $found (dict "name" (first $queue) "count" (int (last $queue))) }}
{{- end }}
{{- end }}
{{- if lt (int $rest) 1 }}
{{- fail (printf "settings.QUEUES leaves none of the %d workers for other runs: raise workers" (int .Values.workers)) }}
{{- end }}
{{- range $name, $_ := .Values.queues }}
{{- $known := false }}
{{- range $found }}{{ if eq .name $name }}{{ $known = true }}{{ end }}{{ end }}
{{- if not $known }}
{{- fail (printf "queues.%s: there is no such queue in settings.QUEUES" $name) }}
{{- end }}
{{- end }}
{{- toJson (append $found (dict "name" "dagster" "count" (int $rest))) }}
{{- end }}

{{- define "tidegate.image" -}}
{{ .Values.image.repository }}:{{ required "image.tag: name the version that is to run" .Values.image.tag }}
{{- end }}

{{- define "tidegate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tidegate.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{- define "tidegate.envFrom" -}}
- configMapRef: {name: {{ .Release.Name }}-environment}
- secretRef: {name: {{ .Values.secretName }}}
{{- end }}

{{- define "tidegate.mounts" -}}
- {name: instance, mountPath: /tidegate/dagster/dagster.yaml, subPath: dagster.yaml, readOnly: true}
- {name: instance, mountPath: /deploy/workspace.yaml, subPath: workspace.yaml, readOnly: true}
- {name: spill, mountPath: /tidegate/scratch/spill}
{{- end }}

{{- define "tidegate.volumes" -}}
- {name: instance, configMap: {name: {{ .Release.Name }}-instance}}
- {name: spill, emptyDir: {sizeLimit: {{ .Values.spill.sizeLimit }}}}
{{- end }}

{{- /* A pod of one container that stays: root, component, command, resources, and what else of a container or a pod. */}}
{{- define "tidegate.pod" -}}
metadata:
  labels:
    {{- include "tidegate.selector" . | nindent 4 }}
    app.kubernetes.io/version: {{ .root.Values.image.tag | quote }}
  annotations:
    # What a pod read when it started is replaced with it.
    checksum/config: {{ include (print .root.Template.BasePath "/config.yaml") .root | sha256sum }}
spec:
  serviceAccountName: {{ .root.Release.Name }}{{ if .launches }}{{ else }}-runs{{ end }}
  automountServiceAccountToken: {{ and .launches (eq .root.Values.deployment "kubernetes") }}
  securityContext: {{- include "tidegate.podSecurity" .root | nindent 4 }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .grace | default 30 }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  containers:
    - name: tidegate
      image: {{ include "tidegate.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: {{ toJson .command }}
      securityContext: {{- include "tidegate.containerSecurity" .root | nindent 8 }}
      envFrom: {{- include "tidegate.envFrom" .root | nindent 8 }}
      volumeMounts: {{- include "tidegate.mounts" .root | nindent 8 }}
      resources: {{- toYaml .resources | nindent 8 }}
      {{- with .container }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  volumes: {{- include "tidegate.volumes" .root | nindent 4 }}
{{- end }}
