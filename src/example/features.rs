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
    /// Set if it is one of a `SequenceExample`'s feature lists.
    pub(super) sequence: Option<Sequence>,
}

/// A list of steps, each of which has values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sequence {
    /// A record may lack the list.
    pub allow_missing: bool,
}

impl Feature {
    /// A feature of this kind. Its name is the key in the records' `features`, usually text.
    pub fn new(name: impl AsRef<[u8]>, kind: FeatureKind) -> Feature {
        let name = name.as_ref().to_vec();
        Feature { name, kind, shape: Some(Vec::new()), default: None, sequence: None }
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

    /// Reads a list of steps from the `feature_lists` of a `tf.train.SequenceExample`, instead of a
    /// feature of its `context`, which decodes like an `Example`. Each step has values of the
    /// feature's shape, or any number of them if it is [ragged](Self::ragged). A record without the
    /// list is an error, unless `allow_missing`: then it has no steps.
    ///
    /// ```
    /// use tfr_index::{Feature, Features};
    ///
    /// // SequenceExample { feature_lists { feature_list { key: "t" value {
    /// //     feature { int64_list { value: [7, 8] } } feature { int64_list { value: [9] } } } } } }
    /// let payload =
    ///     b"\x12\x18\x0a\x16\x0a\x01t\x12\x11\x0a\x06\x1a\x04\x0a\x02\x07\x08\x0a\x07\x1a\x05\x0a\x01\x09\x10\x00";
    /// let features = Features::new([Feature::int64("t").ragged().sequence(false)])?;
    /// let columns = features.decode(payload, &[0, payload.len()], 1)?;
    /// assert_eq!(columns.int64(0), Some(&[7, 8, 9][..]));
    /// assert_eq!(columns.offsets(0), Some(&[0, 2][..])); // the record has steps 0 and 1
    /// assert_eq!(columns.step_offsets(0), Some(&[0, 2, 3][..])); // which have two values and one
    /// # Ok::<(), tfr_index::Error>(())
    /// ```
    pub fn sequence(mut self, allow_missing: bool) -> Feature {
        self.sequence = Some(Sequence { allow_missing });
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

    /// Returns whether it is a [list of steps](Self::sequence).
    #[must_use]
    pub fn is_sequence(&self) -> bool {
        self.sequence.is_some()
    }

    /// Returns whether a record may lack the [list of steps](Self::sequence).
    #[must_use]
    pub fn allows_missing(&self) -> bool {
        self.sequence.is_some_and(|sequence| sequence.allow_missing)
    }

    /// Returns the shape in each record, or in each step of a [sequence](Self::sequence); `None` if
    /// the feature is [ragged](Self::ragged).
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
        if self.is_sequence() && self.default.is_some() {
            return invalid(
                "a sequence has no default: allow it to be missing, and it has no steps",
            );
        }
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
    /// How many values each has in each record or step; `None` if it is ragged.
    counts: Vec<Option<usize>>,
    /// The numbers of those of a record, or of a `SequenceExample`'s context.
    pub(super) by_key: ByKey,
    /// The numbers of sequences.
    pub(super) sequences: ByKey,
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
        let (mut by_key, mut sequences) = (ByKey::default(), ByKey::default());
        for (number, feature) in features.iter().enumerate() {
            let (map, other) = match feature.is_sequence() {
                true => (&mut sequences, &by_key),
                false => (&mut by_key, &sequences),
            };
            let is_new = map.insert(feature.name.clone(), number).is_none();
            if !is_new || other.contains_key(&feature.name) {
                let detail = "the feature is listed twice";
                return Err(feature.error(ErrorKind::InvalidArgument, detail));
            }
        }
        Ok(Features { features, counts, by_key, sequences })
    }

    /// Returns the number of a feature.
    #[must_use]
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<usize> {
        let name = name.as_ref();
        self.by_key.get(name).or_else(|| self.sequences.get(name)).copied()
    }

    /// Returns the features.
    pub fn as_slice(&self) -> &[Feature] {
        &self.features
    }

    /// Iterates over the features and how many values each has in each record or step.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&Feature, Option<usize>)> {
        self.features.iter().zip(self.counts.iter().copied())
    }

    /// How many values a feature has in each record or step; `None` if it is ragged.
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
            (int64().sequence(true).default_int64(&[1]), "a sequence has no default"),
        ] {
            let error = Features::new([feature]).unwrap_err();
            assert_eq!((error.kind(), error.feature()), (ErrorKind::InvalidArgument, Some("a\nb")));
            let text = error.to_string();
            assert!(text.starts_with(r#"feature "a\nb": "#) && text.contains(why), "{text}");
        }
        let twice = [int64(), Feature::bytes("a\nb")];
        assert!(Features::new(twice).unwrap_err().to_string().ends_with("is listed twice"));
        let twice = [int64(), int64().sequence(true)];
        assert!(Features::new(twice).unwrap_err().to_string().ends_with("is listed twice"));
        for feature in [int64().shape(&[0]).default_int64(&[1]), int64().shape(&[2, 3])] {
            Features::new([feature]).unwrap();
        }
    }
}
