//! Reading a JSON request body member by member, with Flowlix's error for each way to be wrong.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::api::error::ApiError;
use crate::dialect::Dialect;
use crate::payment::{Brand, CardEntry, Currency};

/// One JSON object of a request. Members that nothing asked for are refused by [`Members::end`].
#[derive(Debug)]
pub(crate) struct Members<'a> {
    members: &'a Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Members<'a> {
    pub(crate) fn of_body(body: &'a Value) -> Result<Self, ApiError> {
        match body {
            Value::Object(members) => Ok(Self {
                members,
                path: String::new(),
                known: Vec::new(),
            }),
            _ => Err(ApiError::invalid(
                None,
                "The request body must be a JSON object.",
            )),
        }
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The member's value; JSON null counts as absent.
    fn get(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn require<T>(&self, name: &str, value: Option<T>) -> Result<T, ApiError> {
        value.ok_or_else(|| ApiError::missing(&self.path_of(name)))
    }

    fn invalid(&self, name: &str, why: &str) -> ApiError {
        let path = self.path_of(name);
        ApiError::invalid(Some(&path), &format!("{path} {why}"))
    }

    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.as_i64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(_) => Err(self.invalid(
                name,
                &format!("must be between {} and {}.", range.start(), range.end()),
            )),
            None => Err(self.invalid(name, "must be an integer.")),
        }
    }

    pub(crate) fn required_integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<i64, ApiError> {
        let value = self.integer(name, range)?;
        self.require(name, value)
    }

    pub(crate) fn text(
        &mut self,
        name: &'static str,
        max_characters: Option<usize>,
    ) -> Result<Option<String>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let Some(text) = value.as_str() else {
            return Err(self.invalid(name, "must be a string."));
        };
        if let Some(max) = max_characters.filter(|max| text.chars().count() > *max) {
            return Err(self.invalid(name, &format!("must be at most {max} characters long.")));
        }
        Ok(Some(text.to_owned()))
    }

    /// A text that must be there and must not be empty.
    pub(crate) fn required_text(
        &mut self,
        name: &'static str,
        max_characters: Option<usize>,
    ) -> Result<String, ApiError> {
        let text = self.text(name, max_characters)?;
        self.require(name, text.filter(|text| !text.is_empty()))
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Members<'a>>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Members {
                members,
                path: self.path_of(name),
                known: Vec::new(),
            })),
            Some(_) => Err(self.invalid(name, "must be an object.")),
        }
    }

    pub(crate) fn required_object(&mut self, name: &'static str) -> Result<Members<'a>, ApiError> {
        let object = self.object(name)?;
        self.require(name, object)
    }

    pub(crate) fn amount(&mut self) -> Result<Option<i64>, ApiError> {
        self.integer("amount", 1..=i64::MAX)
    }

    pub(crate) fn required_amount(&mut self) -> Result<i64, ApiError> {
        self.required_integer("amount", 1..=i64::MAX)
    }

    pub(crate) fn currency(&mut self, dialect: Dialect) -> Result<Currency, ApiError> {
        let spelled = self.required_text("currency", None)?;
        dialect
            .currency(&spelled)
            .ok_or_else(|| self.invalid("currency", "is not a supported currency."))
    }

    pub(crate) fn description(&mut self) -> Result<Option<String>, ApiError> {
        self.text("description", Some(500))
    }

    /// A URL that must be https, or http on localhost.
    pub(crate) fn url(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let Some(url) = self.text(name, None)? else {
            return Ok(None);
        };
        if is_allowed_url(&url) {
            Ok(Some(url))
        } else {
            Err(self.invalid(name, "must use https (or http://localhost)."))
        }
    }

    pub(crate) fn required_url(&mut self, name: &'static str) -> Result<String, ApiError> {
        let url = self.url(name)?;
        self.require(name, url)
    }

    pub(crate) fn country(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        let Some(country) = self.text(name, None)? else {
            return Ok(None);
        };
        if country.len() == 2 && country.chars().all(|c| c.is_ascii_uppercase()) {
            Ok(Some(country))
        } else {
            Err(self.invalid(name, "must be an ISO 3166-1 alpha-2 code."))
        }
    }

    /// The card members, which both dialects name alike.
    pub(crate) fn card(mut self, strict: bool) -> Result<CardEntry, ApiError> {
        let number = self.required_text("number", None)?;
        if !number.chars().all(|c| c.is_ascii_digit()) {
            return Err(self.invalid("number", "must contain digits only."));
        }
        let exp_month = self.required_integer("exp_month", 1..=12)?;
        let exp_year = self.required_integer("exp_year", 1000..=9999)?;
        let cvc = self.required_text("cvc", None)?;
        let cvc_length = Brand::of(&number).cvc_length();
        if cvc.len() != cvc_length || !cvc.chars().all(|c| c.is_ascii_digit()) {
            return Err(self.invalid("cvc", &format!("must be {cvc_length} digits.")));
        }
        self.required_text("holder_name", None)?;
        self.end(strict)?;
        Ok(CardEntry::new(&number, exp_month, exp_year))
    }

    /// Metadata of the snake_case dialect: at most 50 keys, texts of at most 500 characters.
    pub(crate) fn limited_metadata(&mut self) -> Result<Map<String, Value>, ApiError> {
        let metadata = self.any_metadata()?;
        if metadata.len() > 50 {
            return Err(self.invalid("metadata", "must have at most 50 keys."));
        }
        for (key, value) in &metadata {
            let path = format!("metadata.{key}");
            let Some(text) = value.as_str() else {
                return Err(ApiError::invalid(
                    Some(&path),
                    &format!("{path} must be a string."),
                ));
            };
            if text.chars().count() > 500 {
                let why = format!("{path} must be at most 500 characters long.");
                return Err(ApiError::invalid(Some(&path), &why));
            }
        }
        Ok(metadata)
    }

    /// Metadata whose values may be any JSON.
    pub(crate) fn any_metadata(&mut self) -> Result<Map<String, Value>, ApiError> {
        Ok(self
            .object("metadata")?
            .map(|metadata| metadata.members.clone())
            .unwrap_or_default())
    }

    /// Refuses members that no documented request has. The documents do not say what Flowlix
    /// does with them; a sandbox that ignored them would hide a misspelt or misplaced member.
    pub(crate) fn end(self, strict: bool) -> Result<(), ApiError> {
        if !strict {
            return Ok(());
        }
        match self
            .members
            .keys()
            .find(|name| !self.known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(self.invalid(name, "is not a documented member of this request.")),
        }
    }
}

fn is_allowed_url(url: &str) -> bool {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    if let Some(rest) = url.strip_prefix("https://") {
        return !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']);
    }
    url.strip_prefix("http://localhost")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '?', '#']))
}
