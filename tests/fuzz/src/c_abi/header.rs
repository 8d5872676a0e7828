//! The functions that are called, as in include/tfr_index.h.

use std::ffi::{c_char, c_void};

use tfr_index::Entry;

pub type Error = c_void;
pub type Options = c_void;
pub type Index = c_void;
pub type Progress = unsafe extern "C" fn(*mut c_void, u64, u64, u64) -> i32;

extern "C" {
    pub fn tfr_error_status(error: *const Error) -> i32;
    pub fn tfr_error_message(error: *const Error) -> *const c_char;
    pub fn tfr_error_path(error: *const Error) -> *const c_char;
    pub fn tfr_error_record(error: *const Error) -> u64;
    pub fn tfr_error_offset(error: *const Error) -> u64;
    pub fn tfr_error_os_error(error: *const Error) -> i32;
    pub fn tfr_error_free(error: *mut Error);
    pub fn tfr_options_new(out: *mut *mut Options, error: *mut *mut Error) -> i32;
    pub fn tfr_options_set_checksums(options: *mut Options, to: i32, error: *mut *mut Error) -> i32;
    pub fn tfr_options_set_threads(options: *mut Options, to: usize, error: *mut *mut Error) -> i32;
    pub fn tfr_options_set_progress(
        options: *mut Options,
        to: Option<Progress>,
        context: *mut c_void,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_options_free(options: *mut Options);
    pub fn tfr_index_from_bytes(
        data: *const u8,
        size: usize,
        options: *const Options,
        out: *mut *mut Index,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_index_from_text(
        text: *const c_char,
        size: usize,
        out: *mut *mut Index,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_index_from_entries(
        entries: *const Entry,
        count: usize,
        out: *mut *mut Index,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_index_len(index: *const Index) -> usize;
    pub fn tfr_index_get(
        index: *const Index,
        record: usize,
        out: *mut Entry,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_index_entries(index: *const Index) -> *const Entry;
    pub fn tfr_index_to_text(
        index: *const Index,
        out: *mut *mut c_char,
        size_out: *mut usize,
        error: *mut *mut Error,
    ) -> i32;
    pub fn tfr_text_free(text: *mut c_char);
    pub fn tfr_index_free(index: *mut Index);
}
