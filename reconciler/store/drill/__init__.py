"""What a fire drill needs of the database: empty copies of the mapped tables, fixtures, a store that is rolled back."""
