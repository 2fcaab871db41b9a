//! A Parquet file, one row group after the other: what is held in memory is one group.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::Compression;
use parquet::data_type::DataType;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// A file that is being written.
pub struct ParquetFile {
    writer: SerializedFileWriter<File>,
}

/// Its columns, to be given in the schema's order.
pub struct Group<'a> {
    writer: SerializedRowGroupWriter<'a, File>,
}

impl ParquetFile {
    /// Begins it.
    pub fn create(file: File, schema: &str) -> Result<Self> {
        let schema = Arc::new(parse_message_type(schema)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        Ok(Self { writer: SerializedFileWriter::new(file, schema, Arc::new(properties))? })
    }

    /// Writes a row group; `columns` puts every column of the schema.
    pub fn group(&mut self, columns: impl FnOnce(&mut Group) -> Result<()>) -> Result<()> {
        let mut group = Group { writer: self.writer.next_row_group()? };
        columns(&mut group)?;
        group.writer.close()?;
        Ok(())
    }

    /// Ends it, and has it on the disk.
    pub fn finish(mut self) -> Result<()> {
        self.writer.finish()?;
        Ok(self.writer.inner().sync_all()?)
    }
}

impl Group<'_> {
    /// The next column, which every row has.
    pub fn put<T: DataType>(&mut self, values: &[T::T]) -> Result<()> {
        self.write::<T>(values, None)
    }

    /// The next column, which some rows lack.
    pub fn put_optional<T: DataType>(&mut self, values: Vec<Option<T::T>>) -> Result<()> {
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        self.write::<T>(&values.into_iter().flatten().collect::<Vec<_>>(), Some(&levels))
    }

    fn write<T: DataType>(&mut self, values: &[T::T], levels: Option<&[i16]>) -> Result<()> {
        let mut column = self.writer.next_column()?.context("the schema has fewer columns")?;
        column.typed::<T>().write_batch(values, levels, None)?;
        Ok(column.close()?)
    }
}
