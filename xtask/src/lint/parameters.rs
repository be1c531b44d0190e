//! Parameters: where they stand, how they are written, and which argument each becomes.

use serde_json::Value;

use crate::document::join;
use crate::identifier;

use super::Rule;
use super::operations::placeholders;
use super::report::Report;
use super::sites::{Object, Operation, Site, Sites, array, is_true, object, text};

pub(super) const LOCATION: Rule = Rule {
    id: "parameter-location",
    teaches: "parameters go into the path, the query or a header; the generator refuses cookies",
};
pub(super) const STYLE: Rule = Rule {
    id: "parameter-style",
    teaches: "parameters are written in their location's default style; deepObject is refused",
};
pub(super) const CONTENT: Rule = Rule {
    id: "parameter-content",
    teaches: "a parameter has a schema; the generator refuses one described by `content`",
};
pub(super) const TYPE: Rule = Rule {
    id: "parameter-type",
    teaches: "a parameter is text, a number or a boolean, in a query also a list of such: no other can be written out",
};
pub(super) const PATH_OPTIONAL: Rule = Rule {
    id: "path-parameter-optional",
    teaches: "a path parameter says `required: true`; the generator panics on another",
};
pub(super) const PATH_UNDECLARED: Rule = Rule {
    id: "path-parameter-undeclared",
    teaches: "each placeholder of a path is declared as a path parameter; else the generator panics",
};
pub(super) const PATH_UNKNOWN: Rule = Rule {
    id: "path-parameter-unknown",
    teaches: "each path parameter stands in the path; else the generator panics",
};
pub(super) const COLLISION: Rule = Rule {
    id: "parameter-collision",
    teaches: "no two parameters of an operation, nor its body, become the same argument",
};

pub(super) fn check(sites: &Sites<'_>, report: &mut Report<'_>) {
    for parameter in &sites.parameters {
        check_parameter(parameter, report);
        check_type(parameter, sites, report);
    }
    for operation in &sites.operations {
        let parameters = of_operation(operation, sites);
        if !operation.webhook {
            check_path(operation, &parameters, report);
        }
        check_collisions(operation, &parameters, report);
    }
}

fn check_parameter(parameter: &Site<'_>, report: &mut Report<'_>) {
    let location = text(parameter.value, "in").unwrap_or_default();
    let default_style = match location {
        "path" | "header" => "simple",
        "query" => "form",
        _ => {
            report.add(
                LOCATION,
                &join(&parameter.pointer, "in"),
                format!("the parameter stands in {location:?}"),
                "use `in: path`, `in: query` or `in: header`",
            );
            return;
        }
    };
    if let Some(style) = parameter.value.get("style")
        && style.as_str() != Some(default_style)
    {
        report.add(
            STYLE,
            &join(&parameter.pointer, "style"),
            format!("the style is {style}; in a {location} the generator takes {default_style} only"),
            "leave `style` out; write members of an object as parameters with flat names, such as `created[gte]`",
        );
    }
    if location == "query" && parameter.value.get("explode").and_then(Value::as_bool) == Some(false)
    {
        report.add(
            STYLE,
            &join(&parameter.pointer, "explode"),
            "`explode: false` is passed over: the values would be sent in another form",
            "leave `explode` out",
        );
    }
    if parameter.value.contains_key("content") {
        report.add(
            CONTENT,
            &join(&parameter.pointer, "content"),
            "the parameter is described by `content`",
            "describe it by `schema`",
        );
    }
    if location == "path" && !is_true(parameter.value, "required") {
        report.add(
            PATH_OPTIONAL,
            &parameter.pointer,
            "a path parameter that is not required",
            "add `required: true`",
        );
    }
}

fn check_type(parameter: &Site<'_>, sites: &Sites<'_>, report: &mut Report<'_>) {
    let Some(schema) = object(parameter.value, "schema").and_then(|it| sites.resolve_schema(it))
    else {
        return;
    };
    let is_plain = |schema: &Object| {
        let kind = text(schema, "type").unwrap_or_default();
        ["string", "integer", "number", "boolean"].contains(&kind) && !is_true(schema, "nullable")
    };
    let is_list = text(parameter.value, "in") == Some("query")
        && text(schema, "type") == Some("array")
        && object(schema, "items")
            .and_then(|items| sites.resolve_schema(items))
            .is_some_and(is_plain);
    if !is_plain(schema) && !is_list {
        report.add(
            TYPE,
            &join(&parameter.pointer, "schema"),
            "the parameter is neither text, a number nor a boolean that is there",
            "describe what is written out, such as text; what may be left out is not required",
        );
    }
}

/// A parameter as an operation has it.
struct Declared<'a> {
    pointer: String,
    name: &'a str,
    location: &'a str,
}

/// The parameters of an operation, with those of its path item that it does not replace.
fn of_operation<'a>(operation: &Operation<'a>, sites: &Sites<'a>) -> Vec<Declared<'a>> {
    let mut parameters: Vec<Declared<'a>> = Vec::new();
    for (own, holder) in [(true, &operation.site), (false, &operation.path_item)] {
        let base = join(&holder.pointer, "parameters");
        for (index, parameter) in array(holder.value, "parameters").iter().enumerate() {
            let Some(parameter) = parameter.as_object().and_then(|value| sites.resolve(value))
            else {
                continue;
            };
            let (Some(name), Some(location)) = (text(parameter, "name"), text(parameter, "in"))
            else {
                continue;
            };
            let replaced = !own
                && parameters
                    .iter()
                    .any(|earlier| earlier.name == name && earlier.location == location);
            if !replaced {
                parameters.push(Declared {
                    pointer: format!("{base}/{index}"),
                    name,
                    location,
                });
            }
        }
    }
    parameters
}

fn check_path(operation: &Operation<'_>, parameters: &[Declared<'_>], report: &mut Report<'_>) {
    let Some(placeholders) = placeholders(operation.path) else {
        return;
    };
    for name in &placeholders {
        if !parameters
            .iter()
            .any(|parameter| parameter.location == "path" && parameter.name == *name)
        {
            report.add(
                PATH_UNDECLARED,
                &operation.site.pointer,
                format!("`{{{name}}}` of the path is not declared"),
                format!("add the parameter `{name}` with `in: path` and `required: true`"),
            );
        }
    }
    for parameter in parameters {
        if parameter.location == "path" && !placeholders.contains(&parameter.name) {
            report.add(
                PATH_UNKNOWN,
                &parameter.pointer,
                format!("the path has no `{{{}}}`", parameter.name),
                "add the placeholder to the path, or take the parameter out",
            );
        }
    }
}

fn check_collisions(
    operation: &Operation<'_>,
    parameters: &[Declared<'_>],
    report: &mut Report<'_>,
) {
    let mut arguments: Vec<(String, String)> = Vec::new();
    if operation.site.value.contains_key("requestBody") {
        arguments.push(("body".to_owned(), "the request body".to_owned()));
    }
    for parameter in parameters {
        let argument = identifier::snake(parameter.name);
        let told = format!("`{}` in the {}", parameter.name, parameter.location);
        match arguments.iter().find(|(earlier, _)| *earlier == argument) {
            Some((_, earlier)) => report.add(
                COLLISION,
                &parameter.pointer,
                format!("{told} and {earlier} both become the argument `{argument}`"),
                "one of the two has to go: the generator would lose it, or make code that does not compile",
            ),
            None => arguments.push((argument, told)),
        }
    }
}
