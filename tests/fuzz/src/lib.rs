//! Fuzz targets: each compares the library with naive code, for any bytes.

mod file;
mod oracle;

macro_rules! targets {
    ($($name:ident)*) => {
        $(pub mod $name;)*

        /// All targets by their names.
        pub const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run)),*];
    };
}

targets! {
    c_abi check compressed edit example found index_text indexer manifest parallel pattern reader salvage scan writer
}
