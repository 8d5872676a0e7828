//! Replacing a file as its owner expects: who may read and write it stays the same.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::place::{c_string, Place};
use crate::error::{Error, Result};
use crate::sys::{self, Stat};

/// An error if the file in this place cannot be replaced, as far as that can be known before.
pub(super) fn ensure_replaceable(place: &Place, old: &Stat) -> Result<()> {
    let refused = |errno| Error::io("replace", io::Error::from_raw_os_error(errno));
    if let Some(mount) = sys::mount_of(place.directory(), place.name()) {
        let empty = c_string("".as_ref()).map_err(|error| Error::io("replace", error))?;
        if sys::mount_of(place.directory(), &empty).is_some_and(|around| around != mount) {
            let why =
                ": the file is a mount point (a bind mount), which no other file can replace; \
                       mount its directory, or give another path and copy the result over it";
            return Err(refused(libc::EBUSY).adding(why));
        }
    }
    let user = sys::effective_user();
    if place.is_sticky() && ![old.user, place.user(), 0].contains(&user) {
        let why =
            ": the directory is sticky (as /tmp is) and the file belongs to another user, who \
                   alone may replace it; give a path in another directory";
        return Err(refused(libc::EPERM).adding(why));
    }
    Ok(())
}

/// Gives a file the owner, group and mode of the one that it replaces, as far as this process may.
/// Otherwise nobody may do more with it than with the old one.
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
    // Some file systems refuse, and have no modes to speak of.
    let mode = Permissions::from_mode(mode_for(old.mode, keeps_user, keeps_group));
    let _ = file.set_permissions(mode);
}

/// The old file's mode, less what others than before could do by it.
fn mode_for(mode: u32, keeps_user: bool, keeps_group: bool) -> u32 {
    if keeps_user && keeps_group {
        return mode;
    }
    let (user, mut group, mut other) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7);
    if !keeps_group {
        // The old group's members are now others, and some of the others the group's.
        (group, other) = (group & other, group & other);
    }
    if !keeps_user {
        // The old owner is one of these now.
        (group, other) = (group & user, other & user);
    }
    user << 6 | group << 3 | other
}

#[cfg(test)]
mod tests {
    use super::mode_for;

    /// What a user of each kind may do, by the class that the system puts them in.
    #[test]
    fn nobody_may_do_more_than_before() {
        for mode in 0..=0o777u32 {
            let (user, group, other) = (mode >> 6, mode >> 3 & 7, mode & 7);
            for (keeps_user, keeps_group) in [(true, false), (false, true), (false, false)] {
                let new = mode_for(mode, keeps_user, keeps_group);
                let (new_group, new_other) = (new >> 3 & 7, new & 7);
                // Of the old group and of no other: the group still, or others.
                assert_eq!(if keeps_group { new_group } else { new_other } & !group, 0);
                // Others: they may be in the new group.
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
