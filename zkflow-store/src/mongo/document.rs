//! BSON form of documents: as serde writes them, with timestamps as BSON dates.

use mongodb::bson::{self, Bson, DateTime, RawDocumentBuf, doc};
use zkflow_core::circuit::FileName;
use zkflow_core::service::catalog::{CatalogError, Circuit, Document, Lookup, Value};
use zkflow_core::service::clock::Timestamp;

/// Serialises a document.
pub(super) fn write<D: Document>(value: &D) -> Result<RawDocumentBuf, CatalogError> {
    let failed = |detail: String| CatalogError::backend("writing a document as BSON", detail);
    let mut document = bson::serialize_to_document(value).map_err(|e| failed(e.to_string()))?;
    let life = value.life();
    document.insert("created_at", date(life.created_at));
    document.insert("updated_at", date(life.updated_at));
    for term in value.terms() {
        if D::DERIVED.contains(&term.field) || matches!(term.value, Value::Moment(_)) {
            document.insert(term.field, bson_of(term.value));
        }
    }
    if D::COLLECTION == Circuit::COLLECTION {
        rename_files(&mut document, |name| name.parse().ok().map(FileName::short_name));
    }
    RawDocumentBuf::try_from(&document).map_err(|e| failed(e.to_string()))
}

/// Renames the files of a circuit. In the database they have their short names: queries read a dot as a path.
fn rename_files(circuit: &mut bson::Document, rename: impl Fn(&str) -> Option<&'static str>) {
    let Ok(files) = circuit.get_document_mut("artifacts") else { return };
    let renamed = std::mem::take(files).into_iter();
    *files = renamed.map(|(name, meta)| (rename(&name).map_or(name, str::to_owned), meta)).collect();
}

/// The derived fields of a stored document; `None` if it has them, or cannot be read.
pub(super) fn derived<D: Document>(stored: &bson::Document) -> Option<bson::Document> {
    if D::DERIVED.iter().all(|field| stored.contains_key(field)) {
        return None;
    }
    let document: D = read(&RawDocumentBuf::try_from(stored).ok()?).ok()?;
    let fields = document.terms().into_iter().filter(|term| D::DERIVED.contains(&term.field));
    Some(fields.map(|term| (term.field.to_owned(), bson_of(term.value))).collect())
}

/// Gives the files of a stored circuit their short names; `None` if they have them.
pub(super) fn with_short_names(stored: &bson::Document) -> Option<bson::Document> {
    let mut renamed = stored.clone();
    rename_files(&mut renamed, |name| name.parse().ok().map(FileName::short_name));
    (renamed != *stored).then_some(renamed)
}

/// Parses a document from the server; its content is not trusted.
pub(super) fn read<D: Document>(raw: &RawDocumentBuf) -> Result<D, CatalogError> {
    let id = raw.get_str("_id").map_or_else(|_| format!("a {} without an id", D::KIND), str::to_owned);
    let corrupt = |detail: String| CatalogError::Corrupt { id: id.clone(), detail };
    let mut document = bson::Document::try_from(raw.as_ref()).map_err(|e| corrupt(e.to_string()))?;
    if D::COLLECTION == Circuit::COLLECTION {
        rename_files(&mut document, |name| FileName::of_short_name(name).map(FileName::as_str));
    }
    for (_, value) in document.iter_mut() {
        if let Bson::DateTime(moment) = value {
            *value = Bson::String(Timestamp::from_millis(moment.timestamp_millis()).to_string());
        }
    }
    bson::deserialize_from_document(document).map_err(|e| corrupt(e.to_string()))
}

/// The query for documents that match.
pub(super) fn filter(lookup: &impl Lookup) -> bson::Document {
    let terms = lookup.terms().into_iter();
    let mut wanted: bson::Document = terms.map(|term| (term.field.to_owned(), bson_of(term.value))).collect();
    if let Some(prefix) = lookup.prefix() {
        let (from, below) = prefix.bounds();
        let begins = |field: &&str| doc! { *field: { "$gte": &from, "$lt": &below } };
        let any: Vec<_> = prefix.fields.iter().map(begins).collect();
        // A list has conditions of its own with `$or`.
        wanted.insert("$and", vec![doc! { "$or": any }]);
    }
    wanted
}

fn bson_of(value: Value) -> Bson {
    match value {
        Value::Text(text) => Bson::String(text),
        Value::Optional(text) => text.map_or(Bson::Null, Bson::String),
        Value::Moment(moment) => Bson::DateTime(date(moment)),
    }
}

/// Date of a timestamp, at most [`Timestamp::LATEST`].
pub(super) fn date(moment: Timestamp) -> DateTime {
    DateTime::from_millis(moment.min(Timestamp::LATEST).as_millis())
}

/// The epoch as a BSON integer.
pub(super) fn epoch(epoch: u64) -> Result<i64, CatalogError> {
    i64::try_from(epoch).map_err(|e| CatalogError::backend("writing an epoch", e))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mongodb::bson::Document as Fields;
    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::catalog::ProofRequest;
    use zkflow_core::service::id::ProofId;
    use zkflow_core::service::store::ArtifactMeta;

    use super::*;

    fn proof(now: Timestamp) -> ProofRequest {
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        ProofRequest::new(ProofId::generate(now), circuit, None, None, now, Duration::from_secs(1))
    }

    #[test]
    fn the_life_of_a_document_is_beside_its_other_fields_with_moments_as_dates() {
        let now = Timestamp::from_millis(1_767_225_600_123);
        let proof = proof(now);
        let raw = write(&proof).unwrap();
        for (field, millis) in [("created_at", 123), ("updated_at", 123), ("expires_at", 1_123)] {
            let moment = raw.get_datetime(field).unwrap();
            assert_eq!(moment.timestamp_millis(), 1_767_225_600_000 + millis, "{field}");
        }
        assert_eq!((raw.get_str("status").unwrap(), raw.get_i64("epoch").unwrap()), ("pending", 0));
        assert_eq!(read::<ProofRequest>(&raw).unwrap(), proof);
    }

    #[test]
    fn the_files_of_a_circuit_have_names_without_dots() {
        let (hash, now) = (Digest::of("c"), Timestamp::from_millis(1));
        let mut circuit = Circuit::new(hash, "rangeCheck".parse().unwrap(), serde_json::Map::new(), now);
        for name in FileName::ALL {
            let key = format!("circuits/x/{name}").parse().unwrap();
            circuit.artifacts.insert(name.to_string(), ArtifactMeta { key, size: 1, sha256: hash });
        }
        let raw = write(&circuit).unwrap();
        let stored = Fields::try_from(raw.as_ref()).unwrap();
        let files = stored.get_document("artifacts").unwrap();
        assert!(
            files.len() == FileName::ALL.len() && files.keys().all(|name| !name.contains('.')),
            "{files}"
        );
        assert!(files.contains_key("zkey") && files.contains_key("verifier"), "{files}");
        assert_eq!(read::<Circuit>(&raw).unwrap(), circuit);
        assert_eq!(with_short_names(&stored), None);

        // A document of an earlier version.
        let mut earlier = stored.clone();
        rename_files(&mut earlier, |name| FileName::of_short_name(name).map(FileName::as_str));
        assert!(earlier.get_document("artifacts").unwrap().contains_key("proving_key.zkey"));
        let read_earlier: Circuit = read(&RawDocumentBuf::try_from(&earlier).unwrap()).unwrap();
        assert_eq!(read_earlier, circuit);
        assert_eq!(with_short_names(&earlier), Some(stored));
        assert_eq!(with_short_names(&doc! { "_id": "x", "artifacts": 7 }), None);
    }

    #[test]
    fn a_circuit_is_stored_with_its_derived_fields_and_read_without_them() {
        let (hash, now) = (Digest::of("c"), Timestamp::from_millis(1));
        let mut circuit = Circuit::new(hash, "rangeCheck".parse().unwrap(), serde_json::Map::new(), now);
        circuit.forgeable = Some("the secrets are public".to_owned());
        let raw = write(&circuit).unwrap();
        let stored = Fields::try_from(raw.as_ref()).unwrap();
        let expected = doc! { "key_label": "forgeable", "name": "rangecheck" };
        for (field, value) in &expected {
            assert_eq!(stored.get(field), Some(value), "{field}");
        }
        assert_eq!(read::<Circuit>(&raw).unwrap(), circuit);
        assert_eq!(derived::<Circuit>(&stored), None);
        // A document of an earlier version.
        let mut earlier = stored.clone();
        expected.keys().for_each(|field| drop(earlier.remove(field)));
        assert_eq!(derived::<Circuit>(&earlier), Some(expected));
        assert_eq!(derived::<Circuit>(&doc! { "_id": "x" }), None);
    }

    #[test]
    fn a_prefix_is_a_condition_beside_the_others() {
        use zkflow_core::service::catalog::{CircuitFilter, CircuitStatus};
        let search = Some("Range".to_owned());
        let wanted = CircuitFilter { status: Some(CircuitStatus::Ready), search, ..CircuitFilter::default() };
        let begins = doc! { "$gte": "range", "$lt": "range\u{10ffff}" };
        let any = vec![doc! { "circuit_hash": &begins }, doc! { "name": begins }];
        assert_eq!(filter(&wanted), doc! { "status": "ready", "$and": [{ "$or": any }] });
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_stored_as_the_latest_one() {
        let raw = write(&proof(Timestamp::from_millis(i64::MAX))).unwrap();
        assert_eq!(read::<ProofRequest>(&raw).unwrap().life.created_at, Timestamp::LATEST);
    }
}
