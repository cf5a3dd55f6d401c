{{/* The name of every object of this release. */}}
{{- define "flm.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels by which the service and the disruption budget find the gateways. They never change. */}}
{{- define "flm.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "flm.labels" -}}
{{ include "flm.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "flm.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "flm.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What the pods of gateways and of jobs have in common: their account and their rights. */}}
{{- define "flm.podSettings" -}}
serviceAccountName: {{ include "flm.serviceAccountName" . }}
# flm never calls the API of Kubernetes.
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # The group of the files in volumes, so that flm can read the secrets.
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* What every container has in common. */}}
{{- define "flm.containerSettings" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Where every container keeps its data and finds the database. */}}
{{- define "flm.storeVariables" -}}
# A volume belongs to root and its group may write to it; flm keeps its data in a private folder below it.
- name: FLM_HOME
  value: /data/flm
- name: FLM_DATABASE_URL_FILE
  value: /run/secrets/flm/database-url
- name: FLM_STORE_KEY_FILE
  value: /run/secrets/flm/store-key
{{- end -}}

{{- define "flm.volumeMounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/flm
  readOnly: true
{{- end -}}

{{- define "flm.volumes" -}}
# Nothing in it is needed after the pod: keys, policy and usage are in PostgreSQL.
- name: data
  emptyDir: {}
- name: tmp
  emptyDir: {}
- name: secrets
  secret:
    secretName: {{ required "stores.secret is required: the name of a Secret with database-url and store-key" .Values.stores.secret }}
    defaultMode: 0440
{{- end -}}
