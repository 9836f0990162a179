//! The components of a document, counted, and found by what vulnerabilities call them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::evidence::format::excerpt;
use crate::evidence::format::json::Text;
use crate::evidence::report::Location;

/// Components that vulnerabilities can refer to. A reference to another one names no package.
const MAX_INDEXED: usize = 100_000;

/// The components of a document.
pub(super) struct Inventory<'a> {
    count: u64,
    is_indexed: bool,
    /// By `bom-ref`; `None` where two components have the same one.
    by_reference: BTreeMap<Text<'a>, Option<Component<'a>>>,
}

struct Component<'a> {
    name: Text<'a>,
    version: Option<Text<'a>>,
    purl: Option<Text<'a>>,
}

impl Inventory<'_> {
    /// Returns an empty inventory, in which components can be found if `is_indexed`.
    pub(super) fn new(is_indexed: bool) -> Self {
        Self { count: 0, is_indexed, by_reference: BTreeMap::new() }
    }

    /// Returns how many components there are, nested ones included.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the component that a vulnerability refers to.
    pub(super) fn locate(&self, reference: &str) -> Location {
        match self.by_reference.get(reference) {
            Some(Some(Component { name, version, purl })) => {
                Location::package(purl.as_deref(), name, version.as_deref())
            }
            Some(None) | None if reference.starts_with("pkg:") => {
                Location::package(Some(reference), reference, None)
            }
            Some(None) | None => Location::Other(excerpt::name(reference)),
        }
    }
}

/// Reads an array of components with those nested in them.
pub(super) struct Components<'i, 'a>(pub(super) &'i mut Inventory<'a>);

impl<'de> DeserializeSeed<'de> for Components<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Components<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(OneComponent(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads one component.
struct OneComponent<'i, 'a>(&'i mut Inventory<'a>);

impl<'de> DeserializeSeed<'de> for OneComponent<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneComponent<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(inventory) = self;
        // The inner `None` is a null.
        let mut name: Option<Text<'de>> = None;
        let mut version: Option<Option<Text<'de>>> = None;
        let mut purl: Option<Option<Text<'de>>> = None;
        let mut reference: Option<Option<Text<'de>>> = None;
        let mut has_nested = false;
        inventory.count += 1;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "name" => once(&mut name, "name", map.next_value()?)?,
                "version" => once(&mut version, "version", map.next_value()?)?,
                "purl" => once(&mut purl, "purl", map.next_value()?)?,
                "bom-ref" => once(&mut reference, "bom-ref", map.next_value()?)?,
                "components" if has_nested => return Err(A::Error::duplicate_field("components")),
                "components" => {
                    has_nested = true;
                    map.next_value_seed(Components(&mut *inventory))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let Some(name) = name else { return Err(A::Error::missing_field("name")) };
        if let (Some(reference), true) = (reference.flatten(), inventory.is_indexed) {
            let component = Component { name, version: version.flatten(), purl: purl.flatten() };
            let is_full = inventory.by_reference.len() >= MAX_INDEXED;
            match inventory.by_reference.entry(reference) {
                Entry::Vacant(_) if is_full => {}
                Entry::Vacant(entry) => {
                    entry.insert(Some(component));
                }
                // Whatever refers to it may mean either.
                Entry::Occupied(mut entry) => {
                    entry.insert(None);
                }
            }
        }
        Ok(())
    }
}

fn once<T, E: serde::de::Error>(
    slot: &mut Option<T>,
    name: &'static str,
    value: T,
) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}
