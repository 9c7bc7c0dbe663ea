"""Values files of the chart that must be refused, and the key that the refusal names."""

BROKEN: dict[str, tuple[str, str]] = {
    "a key that there is not": ("replicas: 2", "replicas"),
    "a misspelt part": ("resources: {sheduler: {limits: {memory: 4Gi}}}", "sheduler"),
    "a tag that names no build": ("image: {tag: latest}", "image/tag"),
    "a digest that is none": ("image: {digest: 'sha256:abc'}", "image/digest"),
    "a Secret without a name": ("secrets: {platform: ''}", "secrets/platform"),
    "a secret among the variables": (
        "environment: {AIRFLOW__CORE__FERNET_KEY: x}",
        "AIRFLOW__CORE__FERNET_KEY",
    ),
    "a password among the addresses": (
        "pages: {mlflow: 'http://admin:word@mlflow.example.org'}",
        "pages/mlflow",
    ),
    "a variable that is a number": ("environment: {OMP_NUM_THREADS: 2}", "OMP_NUM_THREADS"),
    "a volume for one pod alone": ("home: {accessMode: ReadWriteOncePod}", "home/accessMode"),
    "a size without its unit": ("home: {size: 50}", "home/size"),
    "a switch in words": ("metrics: {enabled: 'on'}", "metrics/enabled"),
    "a peer that is a name": ("networkPolicy: {pagesFrom: ingress-nginx}", "pagesFrom"),
    "every host": ("mlflow: {allowedHosts: ['*']}", "mlflow/allowedHosts/0"),
}
