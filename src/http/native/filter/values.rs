//! Parameters that take several values, separated by commas.

/// Most values of one parameter. Each costs time at every device.
pub(super) const VALUES_MAX: usize = 32;

/// Reads each value. If there are several, an error names the wrong one.
pub(super) fn read_each<T, E: ToString>(
    text: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let values = split(text)?;
    let is_list = 1 < values.len();
    let read = |value: &str| {
        read(value).map_err(|reason| {
            let reason = reason.to_string();
            if is_list {
                format!("`{value}`: {reason}")
            } else {
                reason
            }
        })
    };
    values.into_iter().map(read).collect()
}

/// The values without the blanks around them.
pub(super) fn split(text: &str) -> Result<Vec<&str>, String> {
    let values: Vec<_> = text.split(',').map(str::trim).collect();
    if VALUES_MAX < values.len() {
        return Err(format!("expected at most {VALUES_MAX} values"));
    }
    if values.iter().any(|value| value.is_empty()) {
        return Err("a value is empty; separate values with one comma each".to_owned());
    }
    Ok(values)
}
