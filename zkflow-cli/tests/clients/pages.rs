//! Clients without a package: `docs/python.md` and a collection for Postman and Bruno, written from the description.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value, json};
use zkflow_server::http;
use zkflow_testbed::page;

use crate::server::Server;
use crate::{command, project, succeeds};

const PYTHON: &str = "docs/python.md";

const HEAD: &str = "\
# The API from Python

One snippet for each operation, with [requests](https://requests.readthedocs.io). Each expects this beginning, and
variables for the ids, `content` for the bytes of a part, and `contributor_token` for the token of `joinCeremony`.

```python
import requests

url = \"http://127.0.0.1:3000\"
server = requests.Session()
# server.headers[\"Authorization\"] = \"Bearer …\"  # if the server asks for a token
```

`answer.json()` of a status from 400 on is a problem with a `code`: see [errors.md](errors.md). Write integers above
2^53 - 1 as decimal strings.
";

const FOOT: &str = "
This page is generated from [openapi.json](openapi.json): `UPDATE_PAGES=1 make test` writes it again.
";

/// An operation of the description.
struct Operation {
    method: String,
    path: String,
    value: Value,
}

impl Operation {
    fn text(&self, field: &str) -> &str {
        self.value[field].as_str().unwrap_or_default()
    }

    fn parameters(&self, place: &str) -> Vec<&Value> {
        let all = self.value["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place).collect()
    }
}

fn operations(description: &Value) -> Vec<Operation> {
    let paths = description["paths"].as_object().unwrap();
    let all =
        paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |one| (path, one)));
    let mut operations: Vec<_> = all
        .map(|(path, (method, value))| Operation {
            method: method.clone(),
            path: path.clone(),
            value: value.clone(),
        })
        .collect();
    // Deletions last, so that the page can be run from its beginning to its end.
    operations.sort_by_key(|operation| operation.method == "delete");
    operations
}

/// A value that fits a schema: its example, or the least that it requires.
fn sample(description: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
        return sample(description, &description["components"]["schemas"][name]);
    }
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["enum"].get(0)) {
        return if first.is_object() { sample(description, first) } else { first.clone() };
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields =
                required.map(|name| (name.to_owned(), sample(description, &schema["properties"][name])));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(1);
            (0..count).map(|_| sample(description, &schema["items"])).collect()
        }
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("string") if schema["format"] == "date-time" => json!("2027-01-01T00:00:00Z"),
        _ => json!("1"),
    }
}

fn body(description: &Value, operation: &Operation) -> Option<Value> {
    let schema = operation.value["requestBody"]["content"]["application/json"].get("schema")?;
    Some(sample(description, schema))
}

/// `circuitId` as a name of Python.
fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    })
}

/// A JSON value in Python; the example's circuit is the variable `circuit_id`.
fn python(value: &Value) -> String {
    let pairs = |map: &Map<String, Value>| {
        let pairs = map.iter().map(|(name, value)| match name.as_str() {
            "circuitId" => format!("{name:?}: circuit_id"),
            _ => format!("{name:?}: {}", python(value)),
        });
        pairs.collect::<Vec<_>>().join(", ")
    };
    match value {
        Value::Object(map) => format!("{{{}}}", pairs(map)),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        other => other.to_string(),
    }
}

fn snippet(description: &Value, operation: &Operation) -> String {
    let mut path = operation.path.clone();
    for parameter in operation.parameters("path") {
        let name = parameter["name"].as_str().unwrap();
        path = path.replace(&format!("{{{name}}}"), &format!("{{{}}}", snake(name)));
    }
    let mut arguments = vec![format!("f\"{{url}}{path}\"")];
    let required =
        |place: &str| operation.parameters(place).into_iter().filter(|one| one["required"] == true);
    let query: Vec<_> = required("query")
        .map(|one| format!("{}: {}", one["name"], python(&sample(description, &one["schema"]))))
        .collect();
    if !query.is_empty() {
        arguments.push(format!("params={{{}}}", query.join(", ")));
    }
    let headers: Vec<_> = required("header")
        .map(|one| one["name"].as_str().unwrap())
        .map(|name| format!("{name:?}: {}", name.to_lowercase().replace('-', "_")))
        .collect();
    if !headers.is_empty() {
        arguments.push(format!("headers={{{}}}", headers.join(", ")));
    }
    let streams = operation.path.ends_with("/events");
    if streams {
        arguments.push("stream=True".to_owned());
    }
    if let Some(body) = body(description, operation) {
        arguments.push(format!("json={}", python(&body)));
    } else if operation.value["requestBody"].is_object() {
        arguments.push("data=content".to_owned());
    }
    let mut text = format!("answer = server.{}({})\n", operation.method, arguments.join(", "));
    if streams {
        text += "for line in answer.iter_lines(decode_unicode=True):\n    print(line)\n";
    }
    text
}

fn python_page() -> String {
    let description = http::description();
    let mut text = HEAD.to_owned();
    for operation in operations(&description) {
        let query: Vec<_> = operation
            .parameters("query")
            .iter()
            .map(|one| one["name"].to_string().replace('"', "`"))
            .collect();
        let query = if query.is_empty() {
            String::new()
        } else {
            format!(" Query parameters: {}.", query.join(", "))
        };
        let (id, summary) = (operation.text("operationId"), operation.text("summary"));
        write!(
            text,
            "\n## {id}\n\n{summary}{query}\n\n```python\n{}```\n",
            snippet(&description, &operation)
        )
        .unwrap();
    }
    text + FOOT
}

/// A collection in Postman's format 2.1, which Bruno imports too.
fn collection() -> Value {
    let description = http::description();
    let operations = operations(&description);
    let folders = description["tags"].as_array().unwrap().iter().map(|tag| {
        let items = operations.iter().filter(|operation| operation.value["tags"][0] == tag["name"]);
        let items: Vec<_> = items.map(|operation| request(&description, operation)).collect();
        json!({"name": tag["name"], "description": tag["description"], "item": items})
    });
    json!({
        "info": {
            "name": description["info"]["title"],
            "description": description["info"]["description"],
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}]},
        "variable": [
            {"key": "baseUrl", "value": "http://127.0.0.1:3000"},
            {"key": "apiKey", "value": ""},
            {"key": "Contributor-Token", "value": ""},
        ],
        "item": folders.collect::<Vec<_>>(),
    })
}

fn request(description: &Value, operation: &Operation) -> Value {
    let named = |place: &str| -> Vec<Value> {
        let parameters = operation.parameters(place).into_iter();
        let entry = |parameter: &Value| {
            let (name, text) = (&parameter["name"], &parameter["description"]);
            let required = parameter["required"] == true;
            let value = match (place, required) {
                ("header", true) => json!(format!("{{{{{}}}}}", name.as_str().unwrap())),
                ("query", true) => sample(description, &parameter["schema"]),
                _ => json!(""),
            };
            json!({"key": name, "value": value, "description": text, "disabled": !required})
        };
        parameters.map(entry).collect()
    };
    let path = operation.path.replace('{', ":").replace('}', "");
    let mut request = json!({
        "method": operation.method.to_uppercase(),
        "description": operation.value.get("description").unwrap_or(&operation.value["summary"]),
        "header": named("header"),
        "url": {
            "raw": format!("{{{{baseUrl}}}}{path}"),
            "host": ["{{baseUrl}}"],
            "path": path.trim_start_matches('/').split('/').collect::<Vec<_>>(),
            "query": named("query"),
            "variable": named("path"),
        },
    });
    if let Some(body) = body(description, operation) {
        let raw = serde_json::to_string_pretty(&body).unwrap();
        request["body"] = json!({"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}});
    } else if operation.value["requestBody"].is_object() {
        request["body"] = json!({"mode": "file", "file": {"src": ""}});
    }
    json!({"name": operation.value["operationId"], "request": request})
}

#[test]
fn the_python_page_is_up_to_date() {
    page::check(PYTHON, &python_page());
}

#[test]
fn the_collection_is_up_to_date() {
    let text = serde_json::to_string_pretty(&collection()).unwrap();
    page::check("clients/collection.json", &format!("{text}\n"));
}

#[tokio::test]
async fn every_snippet_of_the_python_page_runs() {
    let server = Server::start();
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let proof = server.proof(&circuit).await;
    let page = python_page();
    let blocks = page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut script = String::new();
    for (index, block) in blocks.enumerate() {
        script += block;
        if index == 0 {
            write!(
                script,
                "url, circuit_id, proof_request_id = {:?}, {circuit:?}, {proof:?}\ndeployment_id, key_id, delivery_id, name, queue = proof_request_id, proof_request_id, proof_request_id, 'circuit.wasm', 'cleanup'\nupload_id, file, part, content, ceremony_id = proof_request_id, 0, 0, b'a', proof_request_id\ncontributor_token = 'a'\n",
                server.base()
            )
            .unwrap();
        } else {
            // The answers of a server: no fault of its own, and no request that it cannot read.
            script += "assert answer.status_code < 500 and answer.status_code not in (400, 405, 415), answer.text\n";
        }
    }
    let file = server.folder().join("page.py");
    fs::write(&file, script).unwrap();
    succeeds(command(project("tools/.venv/bin/python")).arg(file));
}
