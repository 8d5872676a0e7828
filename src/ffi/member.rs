//! Members of C's enums, which come as numbers.

use crate::error::{Error, ErrorKind, Result};

/// What the number of argument `name` stands for among the members of the enum `kind`.
pub(super) fn member<T: Copy>(
    name: &str,
    number: i32,
    kind: &str,
    members: &[(i32, T)],
) -> Result<T> {
    let found = members.iter().find(|(member, _)| *member == number);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let detail = format!("{name} is {number}, which is no member of {kind}");
        Error::new(ErrorKind::InvalidArgument, detail)
    })
}
