//! `features.json` of TensorFlow Datasets: the features of a set, as its program declared them.
//!
//! The file is the message `Feature` of
//! [`feature.proto`](https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/proto/feature.proto)
//! in JSON. What becomes of each feature in an `Example` is in
//! [`example_serializer.py`](https://github.com/tensorflow/datasets/blob/master/tensorflow_datasets/core/example_serializer.py)
//! and the `get_serialized_info` of each class of
//! [`core/features`](https://github.com/tensorflow/datasets/tree/master/tensorflow_datasets/core/features):
//!
//! - Names of nested dictionaries are joined by "/".
//! - Booleans and integers are `int64`, all floating-point numbers `float`, the rest `bytes`.
//! - A tensor with an encoding is one byte string. So are an image and a text.
//! - A sequence has all values of its elements, one after the other. One of sequences is two
//!   features or more: `ragged_flat_values`, and `ragged_row_lengths_0` and so on.

use std::path::Path;

use crate::catalog::json::{Fault, Parsed, Parser};
use crate::error::{Error, ErrorKind, Result};
use crate::example::{Feature, FeatureKind, Features};
use crate::file;

/// The file that TFDS writes beside the shards of a set.
pub(super) const FEATURES: &str = "features.json";

impl Features {
    /// Reads which features a data set of TensorFlow Datasets has, from `features.json` in its
    /// directory. A sequence is ragged, unless its length is fixed. Features are left out if the file
    /// does not say how they are stored, such as sounds and translations.
    ///
    /// ```
    /// use tfr_index::{Feature, Features};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// let json = r#"{"featuresDict": {"features": {
    ///     "image": {"image": {"shape": {"dimensions": ["28", "28", "1"]}, "dtype": "uint8"}},
    ///     "label": {"classLabel": {"numClasses": "10"}}
    /// }}}"#;
    /// std::fs::write(directory.join("features.json"), json)?;
    /// let features = Features::from_tfds(directory)?;
    /// assert_eq!(features.as_slice(), [Feature::bytes("image"), Feature::int64("label")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if there is no such file. [`ErrorKind::InvalidManifest`] if TensorFlow
    /// Datasets does not write such a file.
    pub fn from_tfds(directory: impl AsRef<Path>) -> Result<Features> {
        read(&directory.as_ref().join(FEATURES))
    }
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Features> {
    let mut bytes = Vec::new();
    file::open_to_read(path)?.read_chunks(|chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let features = parse(&text).map_err(|Fault { at, what }| {
        let detail = format!("byte {at}: {what}; not what TensorFlow Datasets writes");
        Error::new(ErrorKind::InvalidManifest, detail)
    });
    features.and_then(Features::new).map_err(|error| error.of(path))
}

/// A feature of TFDS.
enum Node {
    Dictionary(Vec<(String, Node)>),
    Sequence(Option<usize>, Box<Node>),
    /// The kind and the shape of its values.
    Values(FeatureKind, Vec<Option<usize>>),
    /// The file does not say how it is stored.
    Unknown,
}

const SCALAR: Vec<Option<usize>> = Vec::new();

fn parse(text: &str) -> Parsed<Vec<Feature>> {
    let mut parser = Parser::new(text);
    let node = Node::parse(&mut parser)?;
    parser.end()?;
    let mut features = Vec::new();
    match node {
        Node::Dictionary(_) => node.flatten("", &[], &mut features),
        _ => return Err(Fault { at: 0, what: "there is no featuresDict".to_owned() }),
    }
    Ok(features)
}

/// The names of members have two spellings, as all of Protocol Buffers' in JSON.
impl Node {
    /// Reads a message `Feature`.
    fn parse(parser: &mut Parser<'_>) -> Parsed<Node> {
        let mut node = Node::Unknown;
        parser.object(|parser, key| {
            node = match key {
                "featuresDict" | "features_dict" => Node::dictionary(parser)?,
                "sequence" => Node::sequence(parser)?,
                "tensor" => Content::parse(parser)?.tensor(),
                "boundingBox" | "bounding_box" => Content::parse(parser)?.tensor(),
                "video" => Content::parse(parser)?.video(),
                "classLabel" | "class_label" => {
                    parser.skip()?;
                    Node::Values(FeatureKind::Int64, SCALAR)
                }
                "image" | "text" => {
                    parser.skip()?;
                    Node::Values(FeatureKind::Bytes, SCALAR)
                }
                _ => return parser.skip(),
            };
            Ok(())
        })?;
        Ok(node)
    }

    fn dictionary(parser: &mut Parser<'_>) -> Parsed<Node> {
        let mut members = Vec::new();
        parser.object(|parser, key| match key {
            "features" => parser.object(|parser, name| {
                members.push((name.to_owned(), Node::parse(parser)?));
                Ok(())
            }),
            _ => parser.skip(),
        })?;
        Ok(Node::Dictionary(members))
    }

    fn sequence(parser: &mut Parser<'_>) -> Parsed<Node> {
        let (mut length, mut element) = (None, Node::Unknown);
        parser.object(|parser, key| {
            match key {
                "feature" => element = Node::parse(parser)?,
                "length" => length = number(parser)?.filter(|&length| length > 0),
                _ => parser.skip()?,
            }
            Ok(())
        })?;
        Ok(Node::Sequence(length, Box::new(element)))
    }

    /// Appends the features that an `Example` has. `lengths` are those of the sequences around it.
    fn flatten(self, name: &str, lengths: &[Option<usize>], features: &mut Vec<Feature>) {
        match self {
            Node::Unknown => {}
            Node::Dictionary(members) => {
                let slash = if name.is_empty() { "" } else { "/" };
                for (member, node) in members {
                    node.flatten(&format!("{name}{slash}{member}"), lengths, features);
                }
            }
            Node::Sequence(length, element) => {
                element.flatten(name, &[lengths, &[length]].concat(), features);
            }
            Node::Values(kind, _) if lengths.len() > 1 => {
                features.push(Feature::new(format!("{name}/ragged_flat_values"), kind).ragged());
                for level in 0..lengths.len() - 1 {
                    let name = format!("{name}/ragged_row_lengths_{level}");
                    features.push(Feature::int64(name).ragged());
                }
            }
            Node::Values(kind, shape) => {
                let feature = Feature::new(name, kind);
                let shape: Option<Vec<_>> = lengths.iter().copied().chain(shape).collect();
                features.push(match shape {
                    Some(shape) => feature.shape(&shape),
                    None => feature.ragged(),
                });
            }
        }
    }
}

/// What messages of tensors, boxes and videos have in common.
#[derive(Default)]
struct Content {
    shape: Vec<Option<usize>>,
    dtype: String,
    encoding: String,
    is_optional: bool,
}

impl Content {
    fn parse(parser: &mut Parser<'_>) -> Parsed<Content> {
        let mut content = Content::default();
        parser.object(|parser, key| {
            match key {
                "shape" => parser.object(|parser, key| match key {
                    "dimensions" => parser.array(|parser, _| {
                        content.shape.push(number(parser)?);
                        Ok(())
                    }),
                    _ => parser.skip(),
                })?,
                "dtype" => content.dtype = parser.string()?.into_owned(),
                "encoding" => content.encoding = parser.string()?.into_owned(),
                "optional" => {
                    content.is_optional = parser.peek() == Some(b't');
                    parser.skip()?;
                }
                _ => parser.skip()?,
            }
            Ok(())
        })?;
        Ok(content)
    }

    fn tensor(self) -> Node {
        let is_encoded = !matches!(&*self.encoding, "" | "none");
        let unknown = self.shape.iter().filter(|size| size.is_none()).count();
        match kind_of(&self.dtype) {
            // It is two features, a value and its shape.
            _ if unknown > 1 => {
                let shape = Node::Values(FeatureKind::Int64, vec![Some(self.shape.len())]);
                let value = Node::Values(FeatureKind::Bytes, SCALAR);
                Node::Dictionary(vec![("shape".to_owned(), shape), ("value".to_owned(), value)])
            }
            // Records may lack it.
            _ if self.is_optional => Node::Unknown,
            _ if is_encoded => Node::Values(FeatureKind::Bytes, SCALAR),
            Some(kind) => Node::Values(kind, self.shape),
            None => Node::Unknown,
        }
    }

    /// A video is a sequence of images.
    fn video(self) -> Node {
        let frames = self.shape.first().copied().flatten();
        Node::Sequence(frames, Box::new(Node::Values(FeatureKind::Bytes, SCALAR)))
    }
}

/// What values of a type of numpy are stored as.
fn kind_of(dtype: &str) -> Option<FeatureKind> {
    Some(match dtype.trim_end_matches(|last: char| last.is_ascii_digit()) {
        "bool" | "int" | "uint" => FeatureKind::Int64,
        "float" | "bfloat" => FeatureKind::Float,
        "string" | "object" => FeatureKind::Bytes,
        _ => return None,
    })
}

/// A 64-bit integer, which Protocol Buffers write as a string. `None`: it is negative.
fn number(parser: &mut Parser<'_>) -> Parsed<Option<usize>> {
    let at = parser.place();
    let number = match parser.peek() {
        Some(b'"') => {
            let text = parser.string()?;
            let fault = || Fault { at, what: format!("expected a number, not {text:?}") };
            text.parse::<i64>().map_err(|_| fault())?
        }
        _ => parser.signed()?,
    };
    Ok(usize::try_from(number).ok())
}
