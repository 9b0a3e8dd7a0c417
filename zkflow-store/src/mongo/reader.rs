//! [`MongoReader`]: the documents of another program.

use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use mongodb::bson::doc;
use mongodb::bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use mongodb::{Client, Database};
use serde_json::{Map, Value, json};
use zkflow_core::service::catalog::CatalogError;

use super::{LARGEST_BATCH, failed, options};

/// Reads the collections of another program. Writes nothing.
#[derive(Debug, Clone)]
pub struct MongoReader {
    database: Database,
}

impl MongoReader {
    /// Connects to the database in `uri`, which must name one: `mongodb://host/database`.
    ///
    /// # Errors
    /// The URI is malformed or names no database; the server does not answer or refuses the user.
    pub async fn open(uri: &str) -> Result<Self, CatalogError> {
        let options = options(uri).await?;
        let name = options.default_database.clone().ok_or_else(|| {
            let detail = "it names no database: expected mongodb://host/database";
            CatalogError::backend("reading the MongoDB URI", detail)
        })?;
        let client = Client::with_options(options).map_err(failed("connecting to MongoDB"))?;
        let database = client.database(&name);
        database.run_command(doc! { "ping": 1 }).await.map_err(failed("connecting to MongoDB"))?;
        Ok(Self { database })
    }

    /// All documents of a collection, by id, as extended JSON. A missing collection is empty. A document that is
    /// no valid BSON is given as the reason.
    pub fn documents(
        &self,
        collection: &str,
    ) -> BoxStream<'static, Result<Result<Value, String>, CatalogError>> {
        let (database, name) = (self.database.clone(), collection.to_owned());
        let found = async move {
            let action = format!("reading the collection {name}");
            let collection = database.collection::<RawDocumentBuf>(&name);
            let found = collection.find(doc! {}).sort(doc! { "_id": 1 }).batch_size(LARGEST_BATCH).await;
            let cursor = found.map_err(failed(&action))?;
            Ok(cursor.map(move |raw| raw.map_err(failed(&action)).map(|raw| document(&raw, 0))))
        };
        futures::stream::once(found).try_flatten().boxed()
    }
}

/// Deepest document.
const DEEPEST: usize = 100;

fn document(raw: &RawDocument, depth: usize) -> Result<Value, String> {
    let mut fields = Map::new();
    for field in raw {
        let (name, value) = field.map_err(|error| error.to_string())?;
        fields.insert(name.as_str().to_owned(), json(value, depth + 1)?);
    }
    Ok(Value::Object(fields))
}

/// A value in extended JSON. One of a type that JSON has no form for is its type's name.
fn json(value: RawBsonRef<'_>, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} levels deep"));
    }
    Ok(match value {
        RawBsonRef::String(text) => text.into(),
        RawBsonRef::Boolean(value) => value.into(),
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::Double(number) => number.into(),
        RawBsonRef::Null => Value::Null,
        RawBsonRef::ObjectId(id) => json!({"$oid": id.to_hex()}),
        RawBsonRef::DateTime(at) => json!({"$date": {"$numberLong": at.timestamp_millis().to_string()}}),
        RawBsonRef::Decimal128(number) => json!({"$numberDecimal": number.to_string()}),
        RawBsonRef::Document(fields) => document(fields, depth)?,
        RawBsonRef::Array(items) => {
            let items = items.into_iter().map(|item| json(item.map_err(|e| e.to_string())?, depth + 1));
            Value::Array(items.collect::<Result<_, String>>()?)
        }
        other => json!({"$type": format!("{:?}", other.element_type())}),
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{DateTime, rawdoc};

    use super::*;

    #[test]
    fn values_are_extended_json_and_damaged_ones_are_refused() {
        let id = ObjectId::parse_str("65f1a2b3c4d5e6f708192a3b").unwrap();
        let raw = rawdoc! {
            "_id": id, "at": DateTime::from_millis(-1), "n": 1_i32, "m": i64::MAX, "x": 0.5, "nan": f64::NAN,
            "list": ["a", true, null], "inner": { "b": 1 },
        };
        let found = document(&raw, 0).unwrap();
        let expected = json!({
            "_id": {"$oid": id.to_hex()}, "at": {"$date": {"$numberLong": "-1"}}, "n": 1, "m": i64::MAX, "x": 0.5,
            "nan": null, "list": ["a", true, null], "inner": {"b": 1},
        });
        assert_eq!(found, expected);
        let deep = (0..1000).fold(rawdoc! {}, |inner, _| rawdoc! { "a": inner });
        assert!(document(&deep, 0).unwrap_err().contains("deep"));
        let bytes = raw.into_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            if let Ok(raw) = RawDocumentBuf::from_bytes(changed) {
                // Whatever it is, it is a value or a reason.
                let _ = document(&raw, 0);
            }
        }
    }
}
