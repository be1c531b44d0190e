//! Walks a document once and lists the places that rules look at.
//!
//! The walk goes by what OpenAPI says stands where, so that an example's content, or a property that
//! happens to be called `description`, is not taken for a part of the specification. It never follows a
//! `$ref`, so that each place is listed once and circular documents end.

use crate::document::{Document, join};

use super::found::{Operation, PathItem, Reference, Role, Sample, Schema, Site, Sites};
use super::json::{Object, array, entries, is_extension, object, text};

/// The methods that a path item may hold.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// What the walk knows about the place it is at.
#[derive(Debug, Clone)]
struct Place<'a> {
    component: Option<String>,
    schema: Option<&'a str>,
    received: bool,
}

impl<'a> Sites<'a> {
    /// Walks a document.
    pub(in crate::lint) fn of(document: &'a Document) -> Self {
        let mut sites = Sites {
            root: document.root.as_object(),
            document: Some(document),
            ..Sites::default()
        };
        let Some(root) = sites.root else {
            return sites;
        };
        let top = Place {
            component: None,
            schema: None,
            received: false,
        };
        if let Some(info) = object(root, "info") {
            sites.text("/info", info);
        }
        sites.walk_tags(root);
        for (pointer, path, value) in entries("/paths", root.get("paths")) {
            if !is_extension(path) {
                sites.walk_path_item(pointer, path, value, false, &top);
            }
        }
        for (pointer, event, value) in entries("/x-webhooks", root.get("x-webhooks")) {
            sites.walk_path_item(pointer, event, value, true, &top);
        }
        if let Some(components) = object(root, "components") {
            sites.walk_components(components);
        }
        sites
    }

    fn walk_tags(&mut self, root: &'a Object) {
        for (index, tag) in array(root, "tags").iter().enumerate() {
            if let Some(tag) = tag.as_object() {
                self.text(&format!("/tags/{index}"), tag);
            }
        }
    }

    fn walk_path_item(
        &mut self,
        pointer: String,
        path: &'a str,
        value: &'a Object,
        webhook: bool,
        place: &Place<'a>,
    ) {
        let site = Site { pointer, value };
        self.text(&site.pointer, value);
        self.walk_parameters(&site, place);
        for method in METHODS {
            if let Some(operation) = object(value, method) {
                let pointer = join(&site.pointer, method);
                self.walk_operation(pointer, path, operation, &site, webhook, place);
            }
        }
        if !webhook {
            self.path_items.push(PathItem { site, path });
        }
    }

    fn walk_operation(
        &mut self,
        pointer: String,
        path: &'a str,
        value: &'a Object,
        path_item: &Site<'a>,
        webhook: bool,
        place: &Place<'a>,
    ) {
        let site = Site { pointer, value };
        self.text(&site.pointer, value);
        self.walk_parameters(&site, place);
        if let Some(body) = object(value, "requestBody") {
            let place = Place {
                received: webhook,
                ..place.clone()
            };
            self.walk_request_body(join(&site.pointer, "requestBody"), body, &place);
        }
        let place = Place {
            received: !webhook,
            ..place.clone()
        };
        let responses = join(&site.pointer, "responses");
        for (pointer, status, response) in entries(&responses, value.get("responses")) {
            if !is_extension(status) {
                self.walk_response(pointer, response, &place);
            }
        }
        self.operations.push(Operation {
            site,
            path,
            path_item: path_item.clone(),
            webhook,
        });
    }

    fn walk_components(&mut self, components: &'a Object) {
        for (section, _) in components {
            let base = join("/components", section);
            for (pointer, name, value) in entries(&base, components.get(section)) {
                self.components.push((pointer.clone(), section, name));
                let place = Place {
                    component: Some(pointer.clone()),
                    schema: (section == "schemas").then_some(name),
                    received: false,
                };
                match section.as_str() {
                    "schemas" => self.walk_schema(pointer, value, Role::Component(name), &place),
                    "parameters" => self.walk_parameter(pointer, value, &place),
                    "requestBodies" => self.walk_request_body(pointer, value, &place),
                    "responses" => self.walk_response(pointer, value, &place),
                    "headers" => self.walk_header(pointer, name, value, &place),
                    "examples" => self.named_examples.push(Site { pointer, value }),
                    _ => {}
                }
            }
        }
    }

    fn walk_parameters(&mut self, holder: &Site<'a>, place: &Place<'a>) {
        let base = join(&holder.pointer, "parameters");
        for (index, parameter) in array(holder.value, "parameters").iter().enumerate() {
            if let Some(parameter) = parameter.as_object() {
                self.walk_parameter(format!("{base}/{index}"), parameter, place);
            }
        }
    }

    fn walk_parameter(&mut self, pointer: String, value: &'a Object, place: &Place<'a>) {
        if self.is_reference(&pointer, value, "parameters", place) {
            return;
        }
        let name = text(value, "name").unwrap_or_default();
        self.walk_valued(&pointer, name, value, place);
        self.parameters.push(Site { pointer, value });
    }

    fn walk_header(
        &mut self,
        pointer: String,
        name: &'a str,
        value: &'a Object,
        place: &Place<'a>,
    ) {
        if !self.is_reference(&pointer, value, "headers", place) {
            self.walk_valued(&pointer, name, value, place);
        }
    }

    /// What parameters and headers have in common.
    fn walk_valued(&mut self, pointer: &str, name: &'a str, value: &'a Object, place: &Place<'a>) {
        self.text(pointer, value);
        if let Some(schema) = object(value, "schema") {
            let role = Role::Parameter(name);
            self.walk_schema(join(pointer, "schema"), schema, role, place);
            self.walk_examples(pointer, value, schema, place);
        }
        self.walk_content(pointer, value, place);
    }

    fn walk_request_body(&mut self, pointer: String, value: &'a Object, place: &Place<'a>) {
        if self.is_reference(&pointer, value, "requestBodies", place) {
            return;
        }
        self.text(&pointer, value);
        self.walk_content(&pointer, value, place);
        self.request_bodies.push(Site { pointer, value });
    }

    fn walk_response(&mut self, pointer: String, value: &'a Object, place: &Place<'a>) {
        if self.is_reference(&pointer, value, "responses", place) {
            return;
        }
        self.text(&pointer, value);
        let headers = join(&pointer, "headers");
        for (pointer, name, header) in entries(&headers, value.get("headers")) {
            self.walk_header(pointer, name, header, place);
        }
        self.walk_content(&pointer, value, place);
        self.responses.push(Site { pointer, value });
    }

    fn walk_content(&mut self, holder: &str, value: &'a Object, place: &Place<'a>) {
        let content = join(holder, "content");
        for (pointer, _, media_type) in entries(&content, value.get("content")) {
            if let Some(schema) = object(media_type, "schema") {
                self.walk_schema(join(&pointer, "schema"), schema, Role::Body, place);
                self.walk_examples(&pointer, media_type, schema, place);
            }
            self.media_types.push(Site {
                pointer,
                value: media_type,
            });
        }
    }

    fn walk_schema(
        &mut self,
        pointer: String,
        value: &'a Object,
        role: Role<'a>,
        place: &Place<'a>,
    ) {
        if !self.is_reference(&pointer, value, "schemas", place) {
            self.text(&pointer, value);
            for (keyword, samples) in [
                ("example", &mut self.examples),
                ("default", &mut self.defaults),
            ] {
                if let Some(sample) = value.get(keyword) {
                    samples.push(Sample {
                        pointer: join(&pointer, keyword),
                        value: sample,
                        schema: value,
                    });
                }
            }
            let properties = join(&pointer, "properties");
            for (pointer, name, property) in entries(&properties, value.get("properties")) {
                self.walk_schema(pointer, property, Role::Property(name), place);
            }
            for (keyword, role) in [
                ("items", Role::Items),
                ("additionalProperties", Role::MapValue),
                ("not", Role::Combined),
            ] {
                if let Some(schema) = object(value, keyword) {
                    self.walk_schema(join(&pointer, keyword), schema, role, place);
                }
            }
            for keyword in ["allOf", "oneOf", "anyOf"] {
                let base = join(&pointer, keyword);
                for (index, schema) in array(value, keyword).iter().enumerate() {
                    if let Some(schema) = schema.as_object() {
                        let pointer = format!("{base}/{index}");
                        self.walk_schema(pointer, schema, Role::Combined, place);
                    }
                }
            }
        }
        self.schemas.push(Schema {
            site: Site { pointer, value },
            role,
            owner: place.schema,
        });
    }

    /// The `example` and `examples` of a media type, parameter or header.
    fn walk_examples(
        &mut self,
        pointer: &str,
        holder: &'a Object,
        schema: &'a Object,
        place: &Place<'a>,
    ) {
        if let Some(value) = holder.get("example") {
            self.examples.push(Sample {
                pointer: join(pointer, "example"),
                value,
                schema,
            });
        }
        let base = join(pointer, "examples");
        for (pointer, _, named) in entries(&base, holder.get("examples")) {
            let is_reference = self.is_reference(&pointer, named, "examples", place);
            if let Some(value) = self.resolve(named).and_then(|named| named.get("value")) {
                let member = if is_reference { "$ref" } else { "value" };
                self.examples.push(Sample {
                    pointer: join(&pointer, member),
                    value,
                    schema,
                });
            }
            if !is_reference {
                self.named_examples.push(Site {
                    pointer,
                    value: named,
                });
            }
        }
    }

    fn is_reference(
        &mut self,
        pointer: &str,
        value: &'a Object,
        section: &'static str,
        place: &Place<'a>,
    ) -> bool {
        let Some(target) = value.get("$ref") else {
            return false;
        };
        self.references.push(Reference {
            site: Site {
                pointer: pointer.to_owned(),
                value,
            },
            target: target.as_str(),
            section,
            owner: place.component.clone(),
            received: place.received,
        });
        true
    }

    fn text(&mut self, pointer: &str, holder: &'a Object) {
        for member in ["summary", "description"] {
            if let Some(text) = text(holder, member) {
                self.texts.push((join(pointer, member), text));
            }
        }
    }
}
