//! Replaces a file without changing who may read and write it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::place::{c_string, Place};
use crate::error::{Error, Result};
use crate::sys::{self, Stat};

/// Fails if the file cannot be replaced, as far as this can be known in advance.
pub(super) fn ensure_replaceable(place: &Place, old: &Stat) -> Result<()> {
    let refused = |errno| Error::io("replace", io::Error::from_raw_os_error(errno));
    if let Some(mount) = sys::mount_of(place.directory(), place.name()) {
        let empty = c_string("".as_ref()).map_err(|error| Error::io("replace", error))?;
        if sys::mount_of(place.directory(), &empty).is_some_and(|around| around != mount) {
            let why =
                ": the file is a mount point (a bind mount) and cannot be replaced by another file; \
                       mount its directory, or give another path and copy the result over it";
            return Err(refused(libc::EBUSY).adding(why));
        }
    }
    let user = sys::effective_user();
    if place.is_sticky() && ![old.user, place.user(), 0].contains(&user) {
        let why =
            ": the directory is sticky (like /tmp) and the file belongs to another user, so only \
                   that user may replace it; give a path in another directory";
        return Err(refused(libc::EPERM).adding(why));
    }
    Ok(())
}

/// Gives a file the owner, group and mode of the file that it replaces, as far as this process may.
/// Where it may not, nobody gets more permissions than the old file gave them.
///
/// Access control lists are not copied.
pub(super) fn adopt(file: &File, old: &Stat) {
    let has = |file: &File| file.metadata().map(|now| (now.uid(), now.gid())).ok();
    let (user, group) = has(file).unwrap_or_default();
    if (user, group) != (old.user, old.group)
        && sys::change_owner(file, Some(old.user), Some(old.group)).is_err()
    {
        let _ = sys::change_owner(file, None, Some(old.group));
    }
    let now = has(file);
    let keeps_user = now.is_some_and(|(user, _)| user == old.user);
    let keeps_group = now.is_some_and(|(_, group)| group == old.group);
    // File systems without modes refuse this.
    let mode = Permissions::from_mode(mode_for(old.mode, keeps_user, keeps_group));
    let _ = file.set_permissions(mode);
}

/// The old file's mode, without permissions that would now apply to other users than before.
fn mode_for(mode: u32, keeps_user: bool, keeps_group: bool) -> u32 {
    if keeps_user && keeps_group {
        return mode;
    }
    let (user, mut group, mut other) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7);
    if !keeps_group {
        // The old group's members are now "others", and some of the others are in the new group.
        (group, other) = (group & other, group & other);
    }
    if !keeps_user {
        // The old owner is now in the group or one of the others.
        (group, other) = (group & user, other & user);
    }
    user << 6 | group << 3 | other
}

#[cfg(test)]
mod tests {
    use super::mode_for;

    /// Checks what each kind of user may do, in the class that the system puts them in.
    #[test]
    fn nobody_may_do_more_than_before() {
        for mode in 0..=0o777u32 {
            let (user, group, other) = (mode >> 6, mode >> 3 & 7, mode & 7);
            for (keeps_user, keeps_group) in [(true, false), (false, true), (false, false)] {
                let new = mode_for(mode, keeps_user, keeps_group);
                let (new_group, new_other) = (new >> 3 & 7, new & 7);
                // Members of the old group only: now group or others.
                assert_eq!(if keeps_group { new_group } else { new_other } & !group, 0);
                // Others, who may be in the new group.
                assert_eq!(new_other & !other, 0);
                assert!(keeps_group || new_group & !other == 0);
                // The old owner, who may be in any group.
                assert!(keeps_user || (new_group | new_other) & !user == 0);
            }
            assert_eq!(mode_for(mode, true, true), mode);
        }
        assert_eq!(mode_for(0o640, false, true), 0o640);
        assert_eq!(mode_for(0o640, true, false), 0o600);
        assert_eq!(mode_for(0o644, false, false), 0o644);
    }
}
