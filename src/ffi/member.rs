//! Members of C's enums, which C passes as numbers.

use crate::error::{Error, ErrorKind, Result};

/// The value that the number of argument `name` means among the members of the enum `kind`.
pub(super) fn member<T: Copy>(
    name: &str,
    number: i32,
    kind: &str,
    members: &[(i32, T)],
) -> Result<T> {
    let found = members.iter().find(|(member, _)| *member == number);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let detail = format!("{name} is {number}, which is not a member of {kind}");
        Error::new(ErrorKind::InvalidArgument, detail)
    })
}
