//! A sequence of C ABI calls on a few handles, NULL included, compared with a model of what each
//! handle holds.

mod header;

use std::ffi::{c_char, c_void, CStr};
use std::ptr::{null, null_mut, NonNull};

use arbitrary::{Result, Unstructured};
use tfr_index::{Checksums, Entry, ErrorKind};

use self::header::*;
use super::file::file_of;
use super::oracle::{is_entry, read_index, walk, write_index, Fault, Outcome, POLICIES};

const INVALID_ARGUMENT: Fault = (ErrorKind::InvalidArgument, None, None);

pub fn run(data: &[u8]) {
    let mut plan = Unstructured::new(data);
    let mut handles = Handles::default();
    while !plan.is_empty() && handles.call(&mut plan).is_ok() {}
}

/// Handles, NULL at first, and what they hold.
#[derive(Default)]
struct Handles {
    options: [Option<(NonNull<Options>, Choices)>; 2],
    indexes: [Option<(NonNull<Index>, Vec<Entry>)>; 3],
}

#[derive(Clone, Copy, Default)]
struct Choices {
    checksums: Checksums,
    cancels: bool,
}

/// The objects of a call.
#[derive(Clone, Copy)]
struct Call {
    which: usize,
    without_output: bool,
    without_error: bool,
}

impl Handles {
    /// Makes the next call.
    fn call(&mut self, plan: &mut Unstructured<'_>) -> Result<()> {
        let number: u8 = plan.int_in_range(0..=11)?;
        let call = Call {
            which: plan.int_in_range(0..=5)?,
            without_output: plan.ratio(1, 16)?,
            without_error: plan.ratio(1, 8)?,
        };
        match number {
            0 => self.new_options(call),
            1..=3 => self.change_options(call, number, plan)?,
            4 => self.free_options(call),
            5..=8 => self.make_index(call, number, plan)?,
            9 => self.get(call, plan)?,
            10 => self.to_text(call, plan.ratio(1, 8)?),
            _ => self.free_index(call),
        }
        Ok(())
    }

    /// The options' handle.
    fn options(&self, call: Call) -> *mut Options {
        let options = self.options[call.which % 2].as_ref();
        options.map_or(null_mut(), |(handle, _)| handle.as_ptr())
    }

    /// The index's handle, and its entries unless that is NULL.
    fn index(&self, call: Call) -> (*mut Index, Option<&[Entry]>) {
        match &self.indexes[call.which % 3] {
            Some((handle, entries)) => (handle.as_ptr(), Some(entries)),
            None => (null_mut(), None),
        }
    }

    fn new_options(&mut self, call: Call) {
        let mut out = NonNull::<c_void>::dangling().as_ptr();
        let place = call.place(&mut out);
        let expected = if place.is_null() { Err(INVALID_ARGUMENT) } else { Ok(()) };
        // SAFETY: the places may be written to, or are NULL.
        call.check(expected, |error| unsafe { tfr_options_new(place, error) });
        if expected.is_ok() {
            self.free_options(call);
            self.options[call.which % 2] = Some((NonNull::new(out).unwrap(), Choices::default()));
        }
    }

    fn change_options(
        &mut self,
        call: Call,
        number: u8,
        plan: &mut Unstructured<'_>,
    ) -> Result<()> {
        let options = self.options(call);
        let mut choices = self.options[call.which % 2].as_mut().map(|(_, choices)| choices);
        let expected = if options.is_null() { Err(INVALID_ARGUMENT) } else { Ok(()) };
        match number {
            1 => {
                let number: i32 = plan.int_in_range(-1..=4)?;
                let policy = usize::try_from(number).ok().and_then(|number| POLICIES.get(number));
                let expected = expected.and(policy.map(drop).ok_or(INVALID_ARGUMENT));
                // SAFETY: the handle is NULL or not yet freed.
                call.check(expected, |error| unsafe {
                    tfr_options_set_checksums(options, number, error)
                });
                if let (Some(choices), Some(policy)) = (choices, policy) {
                    choices.checksums = *policy;
                }
            }
            2 => {
                let threads = plan.int_in_range(0..=4)?;
                // SAFETY: the handle is NULL or not yet freed.
                call.check(expected, |error| unsafe {
                    tfr_options_set_threads(options, threads, error)
                });
            }
            _ => {
                let (is_set, cancels) = (plan.ratio(7, 8)?, plan.ratio(1, 4)?);
                let progress: Option<Progress> = if is_set { Some(progress) } else { None };
                let context = if cancels { NonNull::dangling().as_ptr() } else { null_mut() };
                // SAFETY: the handle is NULL or not yet freed; nothing looks into the context.
                call.check(expected, |error| unsafe {
                    tfr_options_set_progress(options, progress, context, error)
                });
                if let Some(choices) = &mut choices {
                    choices.cancels = is_set && cancels;
                }
            }
        }
        Ok(())
    }

    fn free_options(&mut self, call: Call) {
        // SAFETY: the handle is NULL or not yet freed, and forgotten now.
        unsafe { tfr_options_free(self.options(call)) };
        self.options[call.which % 2] = None;
    }

    fn make_index(&mut self, call: Call, number: u8, plan: &mut Unstructured<'_>) -> Result<()> {
        let count = usize::from(plan.arbitrary::<u8>()?).min(plan.len());
        let bytes = plan.bytes(count)?;
        let items_are_null = plan.ratio(1, 16)?;
        let options = self.options(call);
        let choices = self.options[call.which % 2].map_or(Choices::default(), |(_, c)| c);
        // SAFETY, of the three calls: `make` gives items that may be read, or NULL, and places that
        // may be written to, or NULL; the options are NULL or not yet freed.
        match number {
            5 | 6 => {
                let data = if number == 5 { file_of(bytes, 1) } else { bytes.to_vec() };
                let expected = match choices.cancels {
                    true => Err((ErrorKind::Cancelled, None, None)),
                    false => walk(&data, choices.checksums),
                };
                self.make(call, &data, items_are_null, expected, |data, size, out, error| {
                    // SAFETY: as said.
                    unsafe { tfr_index_from_bytes(data, size, options, out, error) }
                });
            }
            7 => {
                let expected = read_index(bytes);
                self.make(call, bytes, items_are_null, expected, |text, size, out, error| {
                    // SAFETY: as said.
                    unsafe { tfr_index_from_text(text.cast(), size, out, error) }
                });
            }
            _ => {
                let number = |bytes: &[u8]| u64::from(bytes[0]) << (bytes[1] % 64);
                let entries: Vec<Entry> = bytes
                    .chunks_exact(4)
                    .map(|four| Entry { offset: number(&four[..2]), size: number(&four[2..]) })
                    .collect();
                let bad = entries.iter().position(|e| !is_entry(e.offset.into(), e.size.into()));
                let expected = match bad {
                    Some(bad) => Err((ErrorKind::InvalidIndex, Some(bad as u64), None)),
                    None => Ok(entries.clone()),
                };
                self.make(call, &entries, items_are_null, expected, |entries, count, out, error| {
                    // SAFETY: as said.
                    unsafe { tfr_index_from_entries(entries, count, out, error) }
                });
            }
        }
        Ok(())
    }

    /// Makes an index of items.
    fn make<T: Copy>(
        &mut self,
        call: Call,
        items: &[T],
        items_are_null: bool,
        expected: Outcome,
        function: impl FnOnce(*const T, usize, *mut *mut Index, *mut *mut Error) -> i32,
    ) {
        let items: Box<[T]> = items.into(); // nothing behind the last one is anybody's
        let start = if items_are_null { null() } else { items.as_ptr() };
        let mut out = NonNull::<c_void>::dangling().as_ptr();
        let place = call.place(&mut out);
        let expected = match place.is_null() || (items_are_null && !items.is_empty()) {
            true => Err(INVALID_ARGUMENT),
            false => expected,
        };
        call.check(ended(&expected), |error| function(start, items.len(), place, error));
        let Ok(entries) = expected else {
            assert!(place.is_null() || out.is_null());
            return;
        };
        self.free_index(call);
        self.indexes[call.which % 3] = Some((NonNull::new(out).unwrap(), entries));
        self.compare(call);
    }

    /// Compares an index's entries with the expected ones.
    fn compare(&self, call: Call) {
        let (index, expected) = self.index(call);
        // SAFETY: the handle is NULL or not yet freed; the array has so many entries.
        let entries = unsafe {
            match (tfr_index_entries(index), tfr_index_len(index)) {
                (entries, 0) => {
                    assert!(entries.is_null());
                    &[]
                }
                (entries, count) => std::slice::from_raw_parts(entries, count),
            }
        };
        assert_eq!(entries, expected.unwrap_or_default());
    }

    fn get(&self, call: Call, plan: &mut Unstructured<'_>) -> Result<()> {
        let record = match plan.ratio(1, 8)? {
            true => plan.arbitrary::<usize>()?,
            false => plan.arbitrary::<u8>()?.into(),
        };
        let (index, entries) = self.index(call);
        let untouched = Entry { offset: 1, size: 2 };
        let mut out = untouched;
        let place = call.place(&mut out);
        let expected = match entries {
            Some(entries) if !place.is_null() => {
                entries.get(record).ok_or((ErrorKind::OutOfRange, Some(record as u64), None))
            }
            _ => Err(INVALID_ARGUMENT),
        };
        // SAFETY: the handle is NULL or not yet freed; the places may be written to, or are NULL.
        call.check(ended(&expected), |error| unsafe { tfr_index_get(index, record, place, error) });
        assert_eq!(out, *expected.unwrap_or(&untouched));
        self.compare(call);
        Ok(())
    }

    fn to_text(&self, call: Call, without_size: bool) {
        let (index, entries) = self.index(call);
        let (mut out, mut size) = (NonNull::<c_char>::dangling().as_ptr(), 0);
        let place = call.place(&mut out);
        let size_place = if without_size { null_mut() } else { &mut size };
        let expected = match entries {
            Some(entries) if !place.is_null() => Ok(write_index(entries)),
            _ => Err(INVALID_ARGUMENT),
        };
        // SAFETY: the handle is NULL or not yet freed; the places may be written to, or are NULL.
        call.check(ended(&expected), |error| unsafe {
            tfr_index_to_text(index, place, size_place, error)
        });
        match expected {
            Ok(text) => {
                // SAFETY: it is the text of the call that succeeded, freed once.
                unsafe {
                    assert_eq!(CStr::from_ptr(out).to_bytes(), text.as_bytes());
                    tfr_text_free(out);
                }
                assert_eq!(size, if without_size { 0 } else { text.len() });
            }
            Err(_) => assert!(place.is_null() || out.is_null()),
        }
    }

    fn free_index(&mut self, call: Call) {
        // SAFETY: the handle is NULL or not yet freed, and forgotten now.
        unsafe { tfr_index_free(self.index(call).0) };
        self.indexes[call.which % 3] = None;
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        for which in 0..6 {
            let call = Call { which, without_output: false, without_error: false };
            self.free_options(call);
            self.free_index(call);
        }
    }
}

/// Cancels unless the context is NULL.
unsafe extern "C" fn progress(context: *mut c_void, _: u64, _: u64, _: u64) -> i32 {
    (!context.is_null()).into()
}

fn ended<T>(expected: &std::result::Result<T, Fault>) -> std::result::Result<(), Fault> {
    expected.as_ref().map(drop).map_err(|fault| *fault)
}

impl Call {
    /// Where the output goes.
    fn place<T>(self, out: &mut T) -> *mut T {
        if self.without_output { null_mut() } else { out }
    }

    /// Makes the call and checks how it ends, and its error.
    fn check(
        self,
        expected: std::result::Result<(), Fault>,
        function: impl FnOnce(*mut *mut Error) -> i32,
    ) {
        let mut error = NonNull::dangling().as_ptr();
        let status = function(if self.without_error { null_mut() } else { &mut error });
        let (kind, record, offset) = match expected {
            Ok(()) => (None, None, None),
            Err((kind, record, offset)) => (Some(kind), record, offset),
        };
        assert_eq!(status, status_of(kind));
        if self.without_error {
            return;
        }
        assert_eq!(error.is_null(), status == 0);
        // SAFETY: the call gave the error, or NULL; it is freed once.
        unsafe {
            assert_eq!(tfr_error_status(error), status);
            assert_eq!(tfr_error_record(error), record.unwrap_or(u64::MAX));
            assert_eq!(tfr_error_offset(error), offset.unwrap_or(u64::MAX));
            assert_eq!(tfr_error_os_error(error), 0);
            assert!(tfr_error_path(error).is_null());
            let message = CStr::from_ptr(tfr_error_message(error)).to_str().unwrap();
            assert_eq!(message.lines().count(), usize::from(status != 0), "{message}");
            tfr_error_free(error);
        }
    }
}

fn status_of(kind: Option<ErrorKind>) -> i32 {
    match kind {
        None => 0,
        Some(ErrorKind::InvalidArgument) => 1,
        Some(ErrorKind::NotTfRecord) => 3,
        Some(ErrorKind::Truncated) => 4,
        Some(ErrorKind::Length) => 5,
        Some(ErrorKind::LengthCrc) => 6,
        Some(ErrorKind::PayloadCrc) => 7,
        Some(ErrorKind::InvalidIndex) => 8,
        Some(ErrorKind::OutOfRange) => 9,
        Some(ErrorKind::Cancelled) => 10,
        Some(kind) => panic!("{kind:?}"),
    }
}
