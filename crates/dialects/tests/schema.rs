//! The JSON Schema beside the sources is that of the model.

use paybell_dialects::Dialect;

#[test]
fn the_schema_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dialect.schema.json");
    let schema = Dialect::definition_schema();
    if std::env::var_os("PAYBELL_WRITE_SCHEMA").is_some() {
        std::fs::write(path, &schema).expect("the schema can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, schema, "write it anew: PAYBELL_WRITE_SCHEMA=1 cargo test -p paybell-dialects --test schema");
}
