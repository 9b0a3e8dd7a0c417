#!/usr/bin/env python3
"""Checks the Kubernetes manifests and compose.yaml against the rules of SECURITY.md, and the manifests against the schemas of Kubernetes;
exits with 1 and a list of findings.

Needs the packages of tools/requirements.txt: `tools/.venv/bin/python deploy/policy.py [FOLDER [COMPOSE]]`. Without a Secret of another role, a pod that is taken over does not
give away the keys of the others.
"""

import ipaddress
import re
import sys
from pathlib import Path

import schemas
import yaml

FOLDER = Path(__file__).resolve().parent / "kubernetes"
COMPOSE = Path(__file__).resolve().parent / "compose.yaml"
# Entries of a Secret that one role alone may have, and the roles that need the nodes of chains.
OWN = {"sealing-keys": {"prover"}, "deployer-key": {"deployer"}, "rpc-urls": {"api", "deployer"}}
# Queues that only the role with the key may take.
QUEUES = {"proof-generation": "prover", "deploy": "deployer"}
# Connections of each role: the destinations, and the ports of each.
PORTS = {"names": {53}, "backends": {6379, 27017, 443}, "outside": {443}}
CONNECTIONS = {
    "api": {"names", "backends", "outside"},
    "deployer": {"names", "backends", "outside"},
    "keeper": {"names", "backends", "outside"},
    # Private inputs are here in clear.
    "prover": {"names", "backends"},
}
# Addresses that no connection to the outside may reach: of the cluster, of machines, of the cloud's metadata.
INNER = [
    ipaddress.ip_network(text)
    for text in ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"]
]
# Files that the image is not built from, because they can contain secrets.
NOT_COPIED = {".git", "**/.env*", "**/*.key", "**/*.keys", "**/*.pem", "**/keystore*", "**/UTC--*", "**/secret*.yaml", "**/zkflow-data"}
IGNORED = Path(__file__).resolve().parent.parent / ".dockerignore"
DOCKERFILE = Path(__file__).resolve().parent / "Dockerfile"
# Behind a proxy, all clients have one address: a share of it would be the limit of all.
SHARE = "ZKFLOW_ADDRESS_SHARE_PERCENT"
# Roles of the user of MongoDB: without dbAdmin, the checks of documents stay those of an earlier version.
MONGODB_ROLES = {"readWrite", "dbAdmin"}
SECRET_WORDS = re.compile(r"password|secret|private|_key$|uri$|redis_url$", re.IGNORECASE)


def documents(folder):
    """All documents of the YAML files of a folder, each with its file."""
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document:
                yield path.name, document


def kind(found, name):
    return [document for _, document in found if document.get("kind") == name]


def role_of(document):
    return document["spec"]["template"]["metadata"]["labels"].get("app.kubernetes.io/component", "")


def secrets_used(pod):
    """Names of the Secrets that a pod has, by any way."""
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            yield volume["secret"]["secretName"]
        for source in volume.get("projected", {}).get("sources", []):
            if "secret" in source:
                yield source["secret"]["name"]
    for container in pod.get("initContainers", []) + pod["containers"]:
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield source["secretRef"]["name"]
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                yield reference["name"]


def of_pod(role, pod):
    """Findings in the pods of a role."""
    own = f"zkflow-{role}"
    used = set(secrets_used(pod))
    if used != {own}:
        yield f"has the Secrets {sorted(used)}, expected its own alone: {own}"
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token of Kubernetes: set automountServiceAccountToken: false"
    if pod.get("hostNetwork") or pod.get("hostPID") or pod.get("hostIPC"):
        yield "shares a namespace of the machine"
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "expected runAsNonRoot and the seccomp profile RuntimeDefault"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "mounts a folder of the machine"
    for volume in pod.get("volumes", []):
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            yield f"the volume {volume['name']} can fill the disk of the machine: set a sizeLimit"
        if "secret" in volume and volume["secret"].get("defaultMode") != 0o400:
            yield "the files of its Secret are readable by others: set defaultMode: 0400"
    for container in pod.get("initContainers", []) + pod["containers"]:
        yield from of_container(role, container)


def of_container(role, container):
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or not security.get("readOnlyRootFilesystem"):
        yield "expected a read-only root file system without escalation of privileges"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "has capabilities: drop ALL"
    if "memory" not in container.get("resources", {}).get("limits", {}):
        yield "has no limit of memory, from which the budgets follow"
    for variable in container.get("env", []):
        name = variable["name"]
        if "value" in variable and SECRET_WORDS.search(name) and not name.endswith(("_FILE", "_KEYS")):
            yield f"has a secret in the manifest: {name}"
    arguments = container.get("args", [])
    queues = arguments[arguments.index("--queues") + 1].split(",") if "--queues" in arguments else []
    if arguments[:1] == ["serve"] and "--no-workers" not in arguments:
        yield "the API takes jobs: add --no-workers"
    for queue in queues:
        if QUEUES.get(queue, role) != role:
            yield f"takes the queue {queue}, which only the role {QUEUES[queue]} may"


def selects(selector, labels):
    """Whether a selector of pods fits the labels of one."""
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In" or labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def is_inside(network):
    return any(network.version == inner.version and network.subnet_of(inner) for inner in INNER)


def destination(peer):
    """Where the other end of a connection is; the rest are backends."""
    if peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name") == "kube-system":
        return "names"
    block = peer.get("ipBlock")
    return "outside" if block and not is_inside(ipaddress.ip_network(block["cidr"])) else "backends"


def of_network(deployments, policies):
    """Findings in the connections that the policies allow."""
    closed = [policy for policy in policies if policy["spec"]["podSelector"] == {}]
    if not any(set(policy["spec"].get("policyTypes", [])) == {"Ingress", "Egress"} for policy in closed):
        yield "no NetworkPolicy refuses all connections that the others do not allow"
    for policy in closed:
        if policy["spec"].get("ingress") or policy["spec"].get("egress"):
            yield f"the NetworkPolicy {policy['metadata']['name']} allows something for all pods"
    for policy in policies:
        name, spec = policy["metadata"]["name"], policy["spec"]
        ports = [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [{"port": "any"}])]
        if set(ports) - {"operations"} and spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component") != "api":
            yield f"the NetworkPolicy {name} lets others reach {ports} of pods that are not the API"
        for rule in spec.get("ingress", []):
            if not rule.get("from"):
                yield f"the NetworkPolicy {name} allows all sources"
        for rule in spec.get("egress", []):
            if not rule.get("to"):
                yield f"the NetworkPolicy {name} allows all destinations"
            for block in [peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer]:
                yield from of_block(name, block)
    for document in deployments:
        role, labels = role_of(document), document["spec"]["template"]["metadata"]["labels"]
        found = {}
        for policy in policies:
            for rule in policy["spec"].get("egress", []) if selects(policy["spec"]["podSelector"], labels) else []:
                for peer in rule.get("to", []):
                    ports = {port.get("port", "any") for port in rule.get("ports", [{}])}
                    found.setdefault(destination(peer), set()).update(ports)
        expected = {place: PORTS[place] for place in CONNECTIONS.get(role, set())}
        for place in sorted(set(found) | set(expected)):
            if found.get(place, set()) != expected.get(place, set()):
                yield (
                    f"{role} may connect to {place} at {sorted(map(str, found.get(place, [])))}, "
                    f"expected {sorted(map(str, expected.get(place, [])))}"
                )


def of_block(name, block):
    """Findings in the addresses of a destination: what is outside has none that are inside."""
    network = ipaddress.ip_network(block["cidr"])
    if is_inside(network):
        return
    spared = [ipaddress.ip_network(text) for text in block.get("except", [])]
    for inner in INNER:
        if inner.version != network.version or not inner.overlaps(network):
            continue
        if not any(inner.subnet_of(one) for one in spared if one.version == inner.version):
            yield f"the NetworkPolicy {name} allows {inner}, which is inside: add it to except"


def check(folder):
    """All findings."""
    found = list(documents(folder))
    deployments = kind(found, "Deployment")
    roles = {role_of(document) for document in deployments}
    for document in deployments:
        role = role_of(document)
        for finding in of_pod(role, document["spec"]["template"]["spec"]):
            yield f"{document['metadata']['name']}: {finding}"

    for secret in kind(found, "Secret"):
        name = secret["metadata"]["name"]
        role = name.removeprefix("zkflow-")
        if role not in roles:
            yield f"the Secret {name} belongs to no role"
        for entry in secret.get("stringData", {}):
            if role not in OWN.get(entry, {role}):
                yield f"the Secret {name} has {entry}, which only {sorted(OWN[entry])} may have"
        for entry in ("redis-url", "mongodb-uri"):
            if f"//{role}:" not in secret.get("stringData", {}).get(entry, ""):
                yield f"the Secret {name} has no user of its own in {entry}"
    missing = roles - {secret["metadata"]["name"].removeprefix("zkflow-") for secret in kind(found, "Secret")}
    if missing:
        yield f"no example of the Secret of {sorted(missing)}"

    for config in kind(found, "ConfigMap"):
        extra = set(config["metadata"]) - {"name", "namespace", "labels", "annotations"}
        if extra:
            yield f"the ConfigMap {config['metadata']['name']} has settings in its metadata: {sorted(extra)}"
        for name in config.get("data", {}):
            if SECRET_WORDS.search(name) and not name.endswith("_FILE"):
                yield f"the ConfigMap {config['metadata']['name']} has a secret: {name}"

    configs = [config.get("data", {}) for config in kind(found, "ConfigMap")]
    if not any(config.get(SHARE) == "100" for config in configs):
        yield f"clients share the address of the ingress: set {SHARE} to 100"

    yield from of_network(deployments, kind(found, "NetworkPolicy"))

    for kustomization in kind(found, "Kustomization"):
        for image in kustomization.get("images", []):
            if not re.fullmatch(r"sha256:[0-9a-f]{64}", image.get("digest", "")) or "newTag" in image:
                yield f"the image {image['name']} is named by a tag, which can change: set digest"
        names = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
        if set(kustomization["resources"]) != names:
            yield f"the kustomization and the folder differ: {sorted(set(kustomization['resources']) ^ names)}"


def by_digest(image):
    """Whether the name of an image has its digest."""
    return re.search(r"@sha256:[0-9a-f]{64}$", image) is not None


def check_compose(path):
    """All findings in a file for Docker Compose: its containers are as closed as the pods."""
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    user = whole.get("configs", {}).get("mongo-user", {}).get("content", "")
    if set(re.findall(r"role: '(\w+)'", user)) != MONGODB_ROLES:
        yield f"mongo-user: expected the roles {sorted(MONGODB_ROLES)} on the database of ZKFlow"
    inner = {name for name, network in whole.get("networks", {}).items() if (network or {}).get("internal")}
    for name, service in whole["services"].items():
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges: set security_opt: [\"no-new-privileges:true\"]"
        networks = set(service.get("networks", ["default"]))
        if service.get("privileged") or "host" in (service.get("network_mode"), service.get("pid"), service.get("ipc")):
            yield f"{name}: shares a namespace of the machine"
        if any(not port.startswith("127.0.0.1:") for port in service.get("ports", [])):
            yield f"{name}: is published to other machines: bind 127.0.0.1"
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
            yield f"{name}: expected read_only and cap_drop: [ALL]"
        if "mem_limit" not in service:
            yield f"{name}: has no limit of memory, from which the budgets follow"
        arguments = service.get("command", [])
        for text in [*arguments, *service.get("entrypoint", [])]:
            # `$$` is a variable of the container's own shell, `$` one of Compose.
            if re.search(r"(?<!\$)(\$\$)*\$\{?\w*(PASSWORD|KEY|SECRET)", text):
                yield f"{name}: has a secret in its arguments, which other processes can read"
        if service.get("image") != "zkflow":
            if not by_digest(service.get("image", "")):
                yield f"{name}: its image is named by a tag, which can change: add @sha256:DIGEST"
            if not networks <= inner:
                yield f"{name}: a backend is on {sorted(networks - inner)}, which is not internal"
            continue
        for variable, value in service.get("environment", {}).items():
            if "ADMIN" in value or "ROOT" in value:
                yield f"{name}: has the rights of an administrator: {variable}"
        if "mongodb://" in service["environment"].get("MONGODB_URI", "") and "@" not in service["environment"]["MONGODB_URI"]:
            yield f"{name}: has no user of its own in MONGODB_URI"
        if "proof-generation" in ",".join(arguments) and not networks <= inner:
            yield f"{name}: has private inputs in clear and reaches {sorted(networks - inner)}"
        if arguments[:1] == ["serve"] and service["environment"].get(SHARE) != "100":
            yield f"{name}: clients share the address of the proxy: set {SHARE} to 100"
        if arguments[:1] == ["serve"] and "--no-workers" not in arguments:
            yield f"{name}: the API takes jobs: add --no-workers"


def check_dockerfile(path):
    """Findings in the file of the image: its bases are named by their digests."""
    for base in re.findall(r"^FROM (?:--\S+ )*(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
        if not by_digest(base):
            yield f"{path.name}: the base {base} is named by a tag, which can change: add @sha256:DIGEST"


def check_ignored(path):
    """Findings in .dockerignore: what is copied into the image's layers can be read from them."""
    missing = NOT_COPIED - set(path.read_text(encoding="utf-8").split())
    if missing:
        yield f"{path.name}: files with secrets would be copied into the image: add {sorted(missing)}"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not any(folder.glob("*.yaml")):
        sys.exit(f"policy: no manifests (*.yaml) in {folder}")
    compose = Path(sys.argv[2]) if len(sys.argv) > 2 else COMPOSE
    findings = [*schemas.check(folder), *check(folder), *check_compose(compose), *check_dockerfile(DOCKERFILE), *check_ignored(IGNORED)]
    for finding in findings:
        print(f"policy: {finding}", file=sys.stderr)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
