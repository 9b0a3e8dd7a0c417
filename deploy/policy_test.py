"""Each rule of policy.py finds the manifest that breaks it. Run: `tools/.venv/bin/python deploy/policy_test.py`."""

import shutil
import tempfile
import unittest
from pathlib import Path

import policy
import schemas

SECRET_OF_ANOTHER = """\
        - name: signers
          secret:
            secretName: zkflow-deployer
            defaultMode: 0400
"""

# (file, text, its replacement, a part of the finding)
BROKEN = [
    ("prover.yaml", "secretName: zkflow-prover", "secretName: zkflow-deployer", "zkflow-prover: has the Secrets"),
    ("api.yaml", "      volumes:\n", "      volumes:\n" + SECRET_OF_ANOTHER, "zkflow-api: has the Secrets"),
    ("keeper.yaml", "          envFrom:\n", "          envFrom:\n            - secretRef:\n                name: zkflow-prover\n", "zkflow-keeper: has the Secrets"),
    (
        "api.yaml",
        "          env:\n",
        "          env:\n            - name: A\n              valueFrom:\n                secretKeyRef: {name: zkflow-prover, key: sealing-keys}\n",
        "zkflow-api: has the Secrets",
    ),
    ("api.yaml", "      volumes:\n", "      volumes:\n        - name: all\n          projected:\n            sources:\n              - secret: {name: zkflow-keeper}\n", "zkflow-api: has the Secrets"),
    ("deployer.yaml", "defaultMode: 0400", "defaultMode: 0444", "readable by others"),
    ("prover.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token of Kubernetes"),
    ("keeper.yaml", '"key-generation,webhooks', '"key-generation,deploy,webhooks', "takes the queue deploy"),
    ("keeper.yaml", '"key-generation,webhooks', '"proof-generation,webhooks', "takes the queue proof-generation"),
    ("api.yaml", "[serve, --no-workers]", "[serve]", "takes jobs"),
    ("api.yaml", "drop: [ALL]", "drop: []", "capabilities"),
    ("api.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "read-only"),
    ("api.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"),
    ("prover.yaml", "            limits:\n              memory: 8Gi\n", "", "limit of memory"),
    ("api.yaml", "emptyDir:\n            sizeLimit: 4Gi", "hostPath: {path: /}", "folder of the machine"),
    ("prover.yaml", "emptyDir:\n            sizeLimit: 2Gi", "emptyDir: {}", "the volume tmp can fill the disk"),
    ("config.yaml", "  name: zkflow\ndata:", "  ZKFLOW_AUTH: keys\n  name: zkflow\ndata:", "in its metadata"),
    ("config.yaml", "  S3_BUCKET: zkflow", "  S3_BUCKET: zkflow\n  REDIS_URL: redis://:a@b", "has a secret: REDIS_URL"),
    ("config.yaml", '  ZKFLOW_ADDRESS_SHARE_PERCENT: "100"\n', "", "share the address of the ingress"),
    ("secret.example.yaml", "rediss://prover:", "rediss://api:", "no user of its own in redis-url"),
    ("secret.example.yaml", "  sealing-keys:", "  deployer-key: x\n  sealing-keys:", "zkflow-prover has deployer-key"),
    ("secret.example.yaml", "name: zkflow-keeper", "name: zkflow-other", "belongs to no role"),
    ("network.yaml", "podSelector: {}", "podSelector: {matchLabels: {a: b}}", "refuses all connections"),
    ("network.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress, Egress]\n  egress: [{}]", "zkflow-nothing allows something for all pods"),
    ("network.yaml", "    - to:\n        - ipBlock: {cidr: 10.20.0.0/16}\n      ports:", "    - ports:", "zkflow-backends allows all destinations"),
    ("network.yaml", "values: [api, deployer, keeper]", "values: [api, deployer, keeper, prover]", "prover may connect to outside at ['443'], expected []"),
    ("network.yaml", "{cidr: 10.20.0.0/16}", "{cidr: 0.0.0.0/0}", "prover may connect to outside"),
    ("network.yaml", "        - {protocol: TCP, port: 27017}\n", "        - {protocol: TCP, port: 22}\n", "keeper may connect to backends at ['22', '443', '6379']"),
    ("network.yaml", "        - {protocol: TCP, port: 53}\n", "        - {protocol: TCP}\n", "api may connect to names at ['53', 'any']"),
    ("network.yaml", "values: [api, deployer, keeper]", "values: [api, deployer]", "keeper may connect to outside at [], expected ['443']"),
    ("network.yaml", "169.254.0.0/16, ", "", "zkflow-outside allows 169.254.0.0/16, which is inside"),
    ("network.yaml", ', "fe80::/10"', "", "zkflow-outside allows fe80::/10, which is inside"),
    ("network.yaml", "    - from:\n        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: ingress-nginx\n      ports:", "    - ports:", "allows all sources"),
    ("network.yaml", "      app.kubernetes.io/component: api\n", "", "not the API"),
    ("kustomization.yaml", "    digest: sha256:", "    newTag: latest # ", "named by a tag"),
    ("kustomization.yaml", "  - network.yaml\n", "", "differ"),
]

# The same for the schemas of Kubernetes.
UNFIT = [
    ("api.yaml", "  replicas: 2", "  replica: 2", "Deployment zkflow-api, Kubernetes 1.30: spec: unknown fields ['replica']"),
    ("api.yaml", "  replicas: 2", '  replicas: "2"', "spec.replicas: expected"),
    ("prover.yaml", "          image: zkflow\n          args", "          imagee: zkflow\n          args", "unknown fields ['imagee']"),
    ("prover.yaml", "            readOnlyRootFilesystem: true", "            readOnlyRootFileSystem: true", "unknown fields ['readOnlyRootFileSystem']"),
    ("network.yaml", "  podSelector: {}\n  policyTypes", "  policyTypes: [Egress]\n  policyTypes", "the key policyTypes occurs twice"),
    ("config.yaml", '"9090"', "9090", "ConfigMap zkflow, Kubernetes 1.30: data.ZKFLOW_OPERATIONS_PORT: expected"),
    ("prover.yaml", "autoscaling/v2", "autoscaling/v2beta2", "HorizontalPodAutoscaler: Kubernetes 1.30 has no autoscaling/v2beta2"),
    ("keeper.yaml", "  selector:\n    matchLabels: *labels\n", "", "missing ['selector']"),
    ("kustomization.yaml", "namespace: zkflow", "nameSpace: zkflow", "unknown fields ['nameSpace']"),
    ("namespace.yaml", "kind: Namespace\n", "", "has no kind"),
    ("secret.example.yaml", "  secret-key: \"64 hex digits\"", "  secret-key: 31415", "stringData.secret-key: expected"),
]

# The same for compose.yaml: (text, its replacement, a part of the finding)
BROKEN_COMPOSE = [
    ("  read_only: true\n", "", "prover: expected read_only"),
    ("  cap_drop: [ALL]\n", "  cap_drop: [NET_RAW]\n", "api: expected read_only and cap_drop"),
    ('  security_opt: ["no-new-privileges:true"]\n  # The budgets', "  # The budgets", "keeper: may gain privileges"),
    ("  mem_limit: ${MEMORY_LIMIT:-8g}\n", "", "prover: has no limit of memory"),
    ('"127.0.0.1:3000:3000"', '"3000:3000"', "api: is published"),
    ("    networks: [backends]\n\n  redis:", "\n  redis:", "prover: has private inputs in clear and reaches ['outside']"),
    ("    internal: true\n", "", "redis: a backend is on ['backends']"),
    ("  read_only: true\n  tmpfs: [\"/tmp:size=256m", "  tmpfs: [\"/tmp:size=256m", "mongo: expected read_only"),
    ("    mem_limit: 1g\n", "", "redis: has no limit of memory"),
    ("    command: [server, /data]\n", "    command: [server, /data, \"${S3_SECRET_KEY}\"]\n", "s3: has a secret in its arguments"),
    ("    AWS_SECRET_ACCESS_KEY: ${S3_SECRET_KEY:?at least 8 characters}", "    AWS_SECRET_ACCESS_KEY: ${S3_ADMIN_PASSWORD}", "api: has the rights of an administrator: AWS_SECRET"),
    ("zkflow:${MONGODB_PASSWORD:?letters and digits}@mongo", "mongo", "prover: has no user of its own in MONGODB_URI"),
    ("[serve, --no-workers]", "[serve]", "api: the API takes jobs"),
    ('    ZKFLOW_ADDRESS_SHARE_PERCENT: "100"\n', "", "api: clients share the address of the proxy"),
    (", {role: 'dbAdmin', db: 'zkflow'}", "", "mongo-user: expected the roles ['dbAdmin', 'readWrite']"),
    ("    image: mongo:", "    network_mode: host\n    image: mongo:", "mongo: shares a namespace"),
    ("@sha256:14cea493d9a34af32f524e538b8346cf79f3321eff8e708c1e2960462bd8936e", "", "s3: its image is named by a tag"),
    ("    command: [worker, --queues, proof-generation]\n", "    command: [worker, --queues, proof-generation]\n    privileged: true\n", "prover: shares a namespace"),
]


class Policy(unittest.TestCase):
    def test_the_manifests_keep_the_rules(self):
        self.assertEqual(list(policy.check(policy.FOLDER)), [])

    def test_compose_keeps_the_rules(self):
        self.assertEqual(list(policy.check_compose(policy.COMPOSE)), [])

    def test_each_rule_of_compose_finds_what_breaks_it(self):
        whole = policy.COMPOSE.read_text(encoding="utf-8")
        for text, replacement, part in BROKEN_COMPOSE:
            with self.subTest(finding=part), tempfile.TemporaryDirectory() as folder:
                self.assertIn(text, whole)
                copy = Path(folder) / "compose.yaml"
                copy.write_text(whole.replace(text, replacement), encoding="utf-8")
                findings = list(policy.check_compose(copy))
                self.assertTrue(any(part in finding for finding in findings), findings)

    def find(self, check, name, text, replacement):
        """The findings of a check in a copy of the manifests with another text in one file."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "kubernetes"
            # A schema is of one document; a rule may be of several files.
            shutil.copytree(policy.FOLDER, copy, ignore=lambda _, files: set(files) - {name} if check is schemas.check else [])
            before = (copy / name).read_text(encoding="utf-8")
            self.assertIn(text, before)
            (copy / name).write_text(before.replace(text, replacement, 1), encoding="utf-8")
            return " | ".join(check(copy))

    def test_each_rule_finds_what_breaks_it(self):
        for name, text, replacement, part in BROKEN:
            with self.subTest(file=name, finding=part):
                self.assertIn(part, self.find(policy.check, name, text, replacement))

    def test_the_manifests_fit_the_schemas(self):
        self.assertEqual(list(schemas.check(policy.FOLDER)), [])

    def test_the_schemas_find_what_does_not_fit(self):
        for name, text, replacement, part in UNFIT:
            with self.subTest(file=name, finding=part):
                found = self.find(schemas.check, name, text, replacement)
                self.assertIn(part, found)
                self.assertNotIn("31415", found)

    def test_the_bases_of_the_image_are_named_by_their_digests(self):
        self.assertEqual(list(policy.check_dockerfile(policy.DOCKERFILE)), [])
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "Dockerfile"
            copy.write_text("FROM rust:1.95 AS build\nFROM --platform=linux/amd64 node@sha256:" + 64 * "0" + "\n", encoding="utf-8")
            found = list(policy.check_dockerfile(copy))
        self.assertEqual(found, ["Dockerfile: the base rust:1.95 is named by a tag, which can change: add @sha256:DIGEST"])

    def test_files_with_secrets_are_not_copied_into_the_image(self):
        self.assertEqual(list(policy.check_ignored(policy.IGNORED)), [])
        whole = policy.IGNORED.read_text(encoding="utf-8")
        for line in policy.NOT_COPIED:
            with self.subTest(line=line), tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / ".dockerignore"
                copy.write_text(whole.replace(f"{line}\n", ""), encoding="utf-8")
                self.assertIn(line, " | ".join(policy.check_ignored(copy)))


if __name__ == "__main__":
    unittest.main()
