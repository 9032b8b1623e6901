{{- /* The database of Dagster's record, as libpq's settings. */}}
{{- define "tidegate.database" -}}
{{- with .Values.dagsterDatabase -}}
host={{ required "dagsterDatabase.host" .host }} dbname={{ .dbname }} user={{ .user }} port={{ .port }} sslmode={{ .sslmode }}
{{- end }}
{{- end }}

{{- define "tidegate.dagsterYaml" }}
telemetry: {enabled: false}
nux: {enabled: false}
run_launcher:
  {{- if eq .Values.deployment "celery" }}
  module: tidegate.orchestration.instance.workers.launcher
  class: WatchfulCeleryRunLauncher
  config:
    broker: {env: REDIS_URL}
    backend: {env: REDIS_URL}
  {{- else if eq .Values.deployment "kubernetes" }}
  module: tidegate.orchestration.instance.pod_launcher
  class: PodRunLauncher
  config:
    job_image: {env: TIDEGATE_POD_IMAGE}
    job_namespace: {env: TIDEGATE_POD_NAMESPACE}
    service_account_name: {env: TIDEGATE_POD_SERVICE_ACCOUNT}
    instance_config_map: {env: TIDEGATE_POD_CONFIG_MAP}
    dagster_home: /tidegate/dagster
    env_config_maps: [{env: TIDEGATE_POD_ENVIRONMENT}]
    env_secrets: [{env: TIDEGATE_POD_SECRET}]
    fail_pod_on_run_failure: false
    run_k8s_config:
      container_config:
        resources: {{- toYaml .Values.resources.run | nindent 10 }}
        security_context: {allow_privilege_escalation: false, capabilities: {drop: [ALL]}}
        volume_mounts: [{name: spill, mount_path: /tidegate/scratch/spill}]
      pod_template_spec_metadata:
        labels: {app.kubernetes.io/name: tidegate, app.kubernetes.io/instance: {{ .Release.Name }}, app.kubernetes.io/component: run}
      pod_spec_config:
        automount_service_account_token: false
        security_context: {run_as_non_root: true, run_as_user: 10001, run_as_group: 10001, fs_group: 10001, seccomp_profile: {type: RuntimeDefault}}
        volumes: [{name: spill, empty_dir: {size_limit: {{ .Values.spill.sizeLimit }}}}]
        {{- with .Values.image.pullSecrets }}
        image_pull_secrets: {{- toYaml . | nindent 10 }}
        {{- end }}
      job_spec_config: {ttl_seconds_after_finished: 3600, backoff_limit: 0}
  {{- else }}
  {{- fail "deployment: kubernetes or celery" }}
  {{- end }}
run_queue: {dequeue_interval_seconds: 1}
concurrency:
  runs:
    max_concurrent_runs: {{ .Values.workers }}
    {{- if eq .Values.deployment "celery" }}
    {{- $queues := include "tidegate.queues" . | fromJsonArray }}
    {{- if gt (len $queues) 1 }}
    tag_concurrency_limits:
      {{- range $queues }}
      - {key: dagster-celery/queue, value: {{ .name | quote }}, limit: {{ int .count }}}
      {{- end }}
    {{- end }}
    {{- end }}
  pools: {default_limit: 1, granularity: run}
run_monitoring:
  enabled: true
  max_runtime_seconds: {{ mul (.Values.settings.RUN_LIMIT_MINUTES | default 240 | int) 60 }}
  start_timeout_seconds: {{ ternary 180 600 (eq .Values.deployment "celery") }}
  cancel_timeout_seconds: 180
  poll_interval_seconds: 10
  max_resume_run_attempts: 0
run_retries: {enabled: false}
scheduler:
  module: dagster._core.scheduler.scheduler
  class: DagsterDaemonScheduler
  config: {max_catchup_runs: 1}
sensors: {use_threads: true, num_workers: 4}
retention:
  sensor: {purge_after_days: {skipped: 2, failure: 30, success: 90}}
  schedule: {purge_after_days: {skipped: 30, failure: 90, success: 90}}
storage:
  custom:
    module: tidegate.orchestration.instance.postgres_record
    class: PooledPostgresStorage
    config:
      {{- with .Values.dagsterDatabase }}
      postgres_url: "postgresql+psycopg2:///{{ .dbname }}?connect_timeout=10&keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=30000&host={{ .host }}&user={{ .user }}&port={{ .port }}&sslmode={{ .sslmode }}"
      {{- end }}
compute_logs:
  module: dagster_aws.s3.compute_log_manager
  class: S3ComputeLogManager
  config:
    bucket: {{ required "stepLogs.bucket" .Values.stepLogs.bucket }}
    prefix: {{ .Values.stepLogs.prefix }}
    skip_empty_files: true
{{- end }}
