const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Whether HTTP allows it for a header's name (RFC 9110, section 5.1). */
export const isFieldName = (text: string): boolean => NAME.test(text);

/** Whether it can be a header's value: a line break in one would begin a header, or a message, of somebody else's making. */
export const isFieldValue = (text: string): boolean => !NO_VALUE.test(text);
