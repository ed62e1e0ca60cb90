//! Variables of a form as fields of a document.

use super::bad_parameter::BadParameter;

/// A field by its name. It may have a value already, from the document beside the form.
type Field<'f> = (&'static str, &'f mut Option<String>);

/// Puts the variables of a form into the fields with their names. Refuses names that are unknown, or given twice.
pub(in crate::http) fn fill(
    fields: &mut [Field<'_>],
    variables: Vec<(String, String)>,
) -> Result<(), BadParameter> {
    for (name, value) in variables {
        let mut known = fields.iter_mut();
        let Some((_, field)) = known.find(|(known, _)| *known == name) else {
            return Err(BadParameter::new(&name, "there is no such parameter here"));
        };
        if field.replace(value).is_some() {
            return Err(BadParameter::new(&name, "given more than once"));
        }
    }
    Ok(())
}
