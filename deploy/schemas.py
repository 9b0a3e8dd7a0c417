"""Checks the Kubernetes manifests against the schemas of Kubernetes, without a cluster or a network: unknown and missing fields, wrong
types, keys that occur twice.

The package kubernetes-validate contains the schemas. Fields that one of the versions does not know are findings.
"""

import kubernetes_validate
import yaml

# The oldest and the newest version that the manifests are for.
VERSIONS = ["1.30", "1.37"]
# Read by kubectl alone, so Kubernetes has no schema of it: the fields that are used.
KUSTOMIZATION = {"apiVersion", "kind", "namespace", "resources", "images"}


class Loader(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys, as kubectl does not."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} occurs twice", node.start_mark)
        return super().construct_mapping(node, deep)


def check(folder):
    """All findings in the YAML files of a folder."""
    for path in sorted(folder.glob("*.yaml")):
        try:
            found = [document for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader) if document]
        except yaml.YAMLError as error:
            yield f"{path.name}: {error}"
            continue
        for document in found:
            for finding in of_document(document):
                yield f"{path.name}: {finding}"


def of_document(document):
    """Findings in a document."""
    if not isinstance(document, dict) or not {"kind", "apiVersion"} <= set(document):
        yield "a document has no kind or no apiVersion"
        return
    kind, version = str(document["kind"]), str(document["apiVersion"])
    if version.startswith("kustomize.config.k8s.io/"):
        extra = set(document) - KUSTOMIZATION
        if extra:
            yield f"{kind}: unknown fields {sorted(extra)}"
        return
    for wanted in VERSIONS:
        try:
            kubernetes_validate.validate(document, wanted, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(step) for step in error.path)
            # The text of a Secret is not printed.
            yield f"{kind} {document.get('metadata', {}).get('name')}, Kubernetes {wanted}: {place or 'document'}: {reason(error)}"
            return
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{kind}: Kubernetes {wanted} has no {version}"
            return


def reason(error):
    """What is wrong, without values."""
    match error.validator:
        case "type":
            return f"expected {error.validator_value}"
        case "additionalProperties":
            return f"unknown fields {sorted(set(error.instance) - set(error.schema.get('properties', {})))}"
        case "required":
            return f"missing {sorted(set(error.validator_value) - set(error.instance))}"
        case other:
            return f"does not fit {other}: {error.validator_value}"
