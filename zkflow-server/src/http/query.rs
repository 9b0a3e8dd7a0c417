//! Refuses query parameters that a route does not have: a misspelt filter must not list everything.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use super::Problem;

/// Names of the query parameters, by method and route, from the description of the API.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<HashMap<(&'static str, String), BTreeSet<String>>>);

impl Known {
    pub(super) fn of(description: &OpenApi) -> Self {
        let mut known = HashMap::new();
        for (route, item) in &description.paths.paths {
            for (method, operation) in operations(item) {
                let names = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
                    RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                        Some(parameter.name.clone())
                    }
                    _ => None,
                });
                let names = names.collect();
                known.insert((method, route.clone()), names);
            }
        }
        Self(Arc::new(known))
    }
}

/// Answers 400 to a query parameter that the route does not have. Routes without a description are not checked.
pub(super) async fn known(State(Known(known)): State<Known>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    // HEAD has the parameters of GET; the router refuses other methods.
    let method = match request.method().as_str() {
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "GET",
    };
    let Some(names) = route.and_then(|route| known.get(&(method, route))) else {
        return next.run(request).await;
    };
    let query = request.uri().query().unwrap_or("");
    let unknown = query.split('&').filter(|part| !part.is_empty()).find(|part| {
        let name = part.split('=').next().unwrap_or("");
        !names.contains(name)
    });
    match unknown {
        None => next.run(request).await,
        Some(_) => {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let detail = match names.is_empty() {
                true => "unknown query parameter: this route has none".to_owned(),
                false => format!("unknown query parameter, expected one of: {names}"),
            };
            Problem::bad_request("invalid_query", detail).into_response()
        }
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}
