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
