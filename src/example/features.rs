//! Which features of records are wanted.

use std::fmt;

use super::keys::ByKey;
use crate::error::{Error, ErrorKind, Result};

/// The kind of a feature's values: one of the three that `tf.train.Feature` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub enum FeatureKind {
    /// Byte strings: text, encoded images, serialised tensors.
    Bytes = 1,
    /// 32-bit floating-point numbers.
    Float = 2,
    /// 64-bit signed integers.
    Int64 = 3,
}

impl FeatureKind {
    pub(super) fn list(self) -> &'static str {
        match self {
            FeatureKind::Bytes => "bytes",
            FeatureKind::Float => "float",
            FeatureKind::Int64 => "int64",
        }
    }
}

/// Writes "bytes", "float" or "int64".
impl fmt::Display for FeatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list())
    }
}

/// What stands in for a feature that a record lacks: one value for all, or one for each.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Default {
    Bytes(Vec<Vec<u8>>),
    Float(Vec<f32>),
    Int64(Vec<i64>),
}

impl Default {
    fn kind(&self) -> FeatureKind {
        match self {
            Default::Bytes(_) => FeatureKind::Bytes,
            Default::Float(_) => FeatureKind::Float,
            Default::Int64(_) => FeatureKind::Int64,
        }
    }

    fn len(&self) -> usize {
        match self {
            Default::Bytes(values) => values.len(),
            Default::Float(values) => values.len(),
            Default::Int64(values) => values.len(),
        }
    }
}

/// A wanted feature: its name, the kind of its values, and how many there are in each record.
///
/// A new one has one value in each record, and is an error where a record lacks it.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Feature {
    pub(super) name: Vec<u8>,
    pub(super) kind: FeatureKind,
    /// `None`: as many values as there are.
    shape: Option<Vec<usize>>,
    pub(super) default: Option<Default>,
}

impl Feature {
    /// A feature of this kind. Its name is the key in the records' `features`, usually text.
    pub fn new(name: impl AsRef<[u8]>, kind: FeatureKind) -> Feature {
        let name = name.as_ref().to_vec();
        Feature { name, kind, shape: Some(Vec::new()), default: None }
    }

    /// A feature of byte strings.
    pub fn bytes(name: impl AsRef<[u8]>) -> Feature {
        Feature::new(name, FeatureKind::Bytes)
    }

    /// A feature of floating-point numbers.
    pub fn float(name: impl AsRef<[u8]>) -> Feature {
        Feature::new(name, FeatureKind::Float)
    }

    /// A feature of integers.
    pub fn int64(name: impl AsRef<[u8]>) -> Feature {
        Feature::new(name, FeatureKind::Int64)
    }

    /// Sets the shape of the values in each record: their number is the product of the dimensions.
    /// `[]`, the default, is one value.
    pub fn shape(mut self, shape: &[usize]) -> Feature {
        self.shape = Some(shape.to_vec());
        self
    }

    /// Accepts any number of values in each record, also none.
    pub fn ragged(mut self) -> Feature {
        self.shape = None;
        self
    }

    /// Sets what stands in for the values where a record lacks the feature: one value for all, or
    /// one for each.
    pub fn default_int64(mut self, values: &[i64]) -> Feature {
        self.default = Some(Default::Int64(values.to_vec()));
        self
    }

    /// Like [`default_int64`](Self::default_int64).
    pub fn default_float(mut self, values: &[f32]) -> Feature {
        self.default = Some(Default::Float(values.to_vec()));
        self
    }

    /// Like [`default_int64`](Self::default_int64).
    pub fn default_bytes<V: AsRef<[u8]>>(mut self, values: &[V]) -> Feature {
        let values = values.iter().map(|value| value.as_ref().to_vec()).collect();
        self.default = Some(Default::Bytes(values));
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Returns the kind of the values.
    #[must_use]
    pub fn kind(&self) -> FeatureKind {
        self.kind
    }

    /// Returns the shape in each record; `None` if the feature is [ragged](Self::ragged).
    #[must_use]
    pub fn dimensions(&self) -> Option<&[usize]> {
        self.shape.as_deref()
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> Error {
        Error::new(kind, format!("feature {}: {detail}", quoted(&self.name))).of_feature(&self.name)
    }

    /// Returns the number of values in each record, unless it is ragged. Fails if the feature
    /// contradicts itself.
    fn count(&self) -> Result<Option<usize>> {
        let invalid = |detail: &str| Err(self.error(ErrorKind::InvalidArgument, detail));
        let count = match &self.shape {
            None if self.default.is_some() => {
                return invalid(
                    "a ragged feature has no default: it is empty where a record lacks it",
                )
            }
            None => return Ok(None),
            Some(shape) => shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size)),
        };
        let Some(count) = count else { return invalid("the shape is too large") };
        match &self.default {
            Some(default) if default.kind() != self.kind => invalid(&format!(
                "the default has {} values, but the feature has {} values",
                default.kind(),
                self.kind
            )),
            Some(default) if default.len() != 1 && default.len() != count => invalid(&format!(
                "the default has {} values, but must have 1 or {count}",
                default.len()
            )),
            _ => Ok(Some(count)),
        }
    }
}

/// The features that are wanted of records, each with a number: its place in the list.
///
/// [`decode`](Self::decode) reads them from payloads.
#[derive(Debug, Clone)]
pub struct Features {
    features: Vec<Feature>,
    /// How many values each has in each record; `None` if it is ragged.
    counts: Vec<Option<usize>>,
    pub(super) by_key: ByKey,
}

impl Features {
    /// ```
    /// use tfr_index::{Feature, Features};
    ///
    /// let features = Features::new([
    ///     Feature::bytes("image/encoded"),
    ///     Feature::int64("label").default_int64(&[-1]),
    ///     Feature::float("box").shape(&[4]),
    ///     Feature::int64("tokens").ragged(),
    /// ])?;
    /// assert_eq!(features.find("box"), Some(2));
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if a name occurs twice, or a default contradicts its feature.
    pub fn new(features: impl IntoIterator<Item = Feature>) -> Result<Features> {
        let features: Vec<_> = features.into_iter().collect();
        let counts = features.iter().map(Feature::count).collect::<Result<_>>()?;
        let mut by_key = ByKey::default();
        for (number, feature) in features.iter().enumerate() {
            if by_key.insert(feature.name.clone(), number).is_some() {
                let detail = "the feature is listed twice";
                return Err(feature.error(ErrorKind::InvalidArgument, detail));
            }
        }
        Ok(Features { features, counts, by_key })
    }

    /// Returns the number of a feature.
    #[must_use]
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<usize> {
        self.by_key.get(name.as_ref()).copied()
    }

    /// Returns the features.
    pub fn as_slice(&self) -> &[Feature] {
        &self.features
    }

    /// Iterates over the features and how many values each has in each record.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&Feature, Option<usize>)> {
        self.features.iter().zip(self.counts.iter().copied())
    }

    /// How many values a feature has in each record; `None` if it is ragged.
    #[inline]
    pub(super) fn count(&self, feature: usize) -> Option<usize> {
        self.counts[feature]
    }

    /// The error of a record that lacks values.
    #[cold]
    pub(super) fn error(&self, feature: usize, detail: &str) -> Error {
        self.features[feature].error(ErrorKind::Feature, detail)
    }
}

/// A name in quotes, on one line.
pub(super) fn quoted(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_contradict_themselves_are_refused() {
        let int64 = || Feature::int64("a\nb");
        for (feature, why) in [
            (int64().ragged().default_int64(&[1]), "a ragged feature has no default"),
            (
                int64().default_float(&[1.0]),
                "the default has float values, but the feature has int64",
            ),
            (int64().shape(&[3]).default_int64(&[1, 2]), "has 2 values, but must have 1 or 3"),
            (int64().default_int64(&[]), "has 0 values, but must have 1 or 1"),
            (int64().shape(&[1 << 40, 1 << 40]), "the shape is too large"),
        ] {
            let error = Features::new([feature]).unwrap_err();
            assert_eq!((error.kind(), error.feature()), (ErrorKind::InvalidArgument, Some("a\nb")));
            let text = error.to_string();
            assert!(text.starts_with(r#"feature "a\nb": "#) && text.contains(why), "{text}");
        }
        let twice = [int64(), Feature::bytes("a\nb")];
        assert!(Features::new(twice).unwrap_err().to_string().ends_with("is listed twice"));
        for feature in [int64().shape(&[0]).default_int64(&[1]), int64().shape(&[2, 3])] {
            Features::new([feature]).unwrap();
        }
    }
}
