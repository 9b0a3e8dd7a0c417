//! [`Entries`]: JSON objects that lose nothing when they are read.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// A JSON object without duplicate names, also in the objects within it: parameters or inputs. Has no `Debug`, since it
/// may contain private inputs.
#[derive(Default)]
pub(super) struct Entries(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from names to values")
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Entries, A::Error> {
                object(access).map(Entries)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// Any JSON value; its objects have no duplicate names.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Distinct;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Distinct, E> {
                Ok(Distinct(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Distinct, E> {
                Ok(Distinct(Value::Bool(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Distinct, E> {
                Ok(Distinct(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Distinct, E> {
                Ok(Distinct(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Distinct, E> {
                // JSON has no infinite numbers.
                Ok(Distinct(Number::from_f64(value).map_or(Value::Null, Value::Number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Distinct, E> {
                Ok(Distinct(text.into()))
            }

            fn visit_string<E>(self, text: String) -> Result<Distinct, E> {
                Ok(Distinct(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Distinct, A::Error> {
                let mut items = Vec::new();
                while let Some(Distinct(item)) = access.next_element()? {
                    items.push(item);
                }
                Ok(Distinct(Value::Array(items)))
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Distinct, A::Error> {
                object(access).map(|map| Distinct(Value::Object(map)))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

fn object<'de, A: MapAccess<'de>>(mut access: A) -> Result<Map<String, Value>, A::Error> {
    let mut map = Map::new();
    while let Some((name, Distinct(value))) = access.next_entry::<String, Distinct>()? {
        if map.insert(name, value).is_some() {
            return Err(A::Error::custom("duplicate entry: each name may occur only once"));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_text() {
        let text = r#"{"a":[1,-2,3.5,"x",true,null,{"b":{"c":[]}}],"d":18446744073709551615,"e":{}}"#;
        let Ok(Entries(map)) = serde_json::from_str(text) else { panic!("{text}") };
        assert_eq!(Value::Object(map), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_at_every_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"p":{"x":1,"x":2}}"#, r#"{"p":[{"x":[{"y":1,"y":1}]}]}"#] {
            let Err(error) = serde_json::from_str::<Entries>(text) else { panic!("{text}") };
            assert!(error.to_string().contains("duplicate entry"), "{error}");
        }
    }
}
