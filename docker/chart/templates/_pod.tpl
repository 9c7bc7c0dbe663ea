{{- /* What pods have in common: labels, contexts, volumes, probes. Most take a dict of `root`, which is
      the chart's scope, and `part`. */ -}}

{{- define "retention.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "retention.environment" -}}
{{- $variables := tpl (.Files.Get "files/environment.yaml") . | fromYaml -}}
{{- range $name, $key := .Values.secrets.more -}}
{{- $_ := set $variables $name (printf "/run/secrets/%s" $key) -}}
{{- end -}}
{{- mustMergeOverwrite $variables .Values.environment | toYaml -}}
{{- end -}}

{{- /* Changes with what `prepare` does, which is the image, its variables and its secrets' names. */ -}}
{{- define "retention.digest" -}}
{{- printf "%s %s %s" (include "retention.image" .) (include "retention.environment" .) (toYaml .Values.secrets) | sha256sum | trunc 10 -}}
{{- end -}}

{{- define "retention.labels" -}}
{{ include "retention.selector" . }}
app.kubernetes.io/name: retention-ml
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "retention.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- /* No token of the cluster's API and no variables for Services: nothing here uses them, and over
      /run/secrets a token could not be mounted. */ -}}
{{- define "retention.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* A volume that one node may hold: those who share it go to the same. */ -}}
{{- define "retention.together" -}}
{{- if eq .root.Values.home.accessMode "ReadWriteOnce" -}}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/instance: {{ .root.Release.Name }}
            retention-ml/home: {{ .root.Release.Name }}
{{- end -}}
{{- end -}}

{{- define "retention.container" -}}
image: {{ include "retention.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
{{- end -}}

{{- /* Also `keys`: the names of its secrets. */ -}}
{{- define "retention.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
- name: home
  persistentVolumeClaim:
    claimName: {{ .root.Values.home.existingClaim | default (printf "%s-home" .root.Release.Name) }}
- name: secrets
  secret:
    secretName: {{ .root.Values.secrets.platform }}
    defaultMode: 0440
    optional: false
    items:
      {{- range .keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- with .root.Values.secrets.coupons }}
- name: coupons
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    optional: false
{{- end }}
{{- end -}}

{{- define "retention.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: home, mountPath: /var/lib/retention}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- if .root.Values.secrets.coupons }}
- {name: coupons, mountPath: /opt/retention/app/actions/coupons, readOnly: true}
{{- end }}
{{- end -}}

{{- define "retention.keys" -}}
{{- $keys := list "retention_warehouse_url" "airflow_database_url" "airflow_database_url_async" "airflow_fernet_key" "airflow_secret_key" "airflow_jwt_secret" -}}
{{- concat $keys (values .Values.secrets.more | sortAlpha) | uniq | toYaml -}}
{{- end -}}

{{- /* Also `probe`: the arguments of probe.py. */ -}}
{{- define "retention.probe" -}}
exec:
  command: {{ concat (list "python" "/opt/retention/probe.py") .probe | toJson }}
periodSeconds: 15
timeoutSeconds: 10
{{- end -}}
